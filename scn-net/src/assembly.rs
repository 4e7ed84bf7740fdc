//! The layers of a network, in forward order, and their initial values.

use std::collections::BTreeMap;

use crate::config::{NetworkConfig, NormPlacement};
use crate::init;
use crate::layer::batch_norm::{self, BatchNorm};
use crate::layer::classifier::{self, Classifier};
use crate::layer::sparse_coding::{self, SparseCoding, SparseCodingInit};
use crate::step::{Step, StepLayer};

/// The name of the classifier's weights.
const CLASSIFIER: &str = "classifier.weight";

/// Returns the steps of a valid configuration, with the arrays given by their names in the model
/// file. Draws no random numbers.
pub(crate) fn steps_from_arrays(
    config: &NetworkConfig,
    mut arrays: BTreeMap<String, Vec<f32>>,
) -> Vec<Step> {
    let mut steps = steps(config, 0, &mut |name, initial| {
        arrays.remove(name).unwrap_or_else(initial)
    });
    // The arrays left over are those that start with the same values in every network.
    for step in &mut steps {
        let names: Vec<String> = step.params().map(|(name, _)| name).collect();
        for (name, param) in names.iter().zip(step.params_mut()) {
            if let Some(values) = arrays.remove(name) {
                param.value = values;
            }
        }
    }
    steps
}

/// Returns the names and shapes of all arrays of a network without building it.
pub(crate) fn array_shapes(config: &NetworkConfig) -> impl Iterator<Item = (String, Vec<usize>)> {
    let norm = config.batch_norm;
    let batch_norm = move |h: usize, channels: usize| {
        let names = batch_norm::names(norm.affine).iter();
        names.map(move |name| (format!("norm{h}.{name}"), vec![channels]))
    };
    let before = norm.placement == NormPlacement::Before;
    let inputs =
        std::iter::once(config.input[0]).chain(config.layers.iter().map(|layer| layer.atoms));
    let coding = config.layers.iter().zip(inputs).enumerate();
    let coding = coding.flat_map(move |(h, (layer, channels))| {
        let (rows, atoms) = (channels * config.window * config.window, layer.atoms);
        let lambda1 = if config.lambda1.per_atom { atoms } else { 1 };
        let shapes = sparse_coding::shapes(rows, atoms, lambda1);
        let arrays = sparse_coding::NAMES.into_iter().zip(shapes);
        arrays
            .map(move |(name, shape)| (format!("layer{h}.{name}"), shape))
            .chain(batch_norm(h, if before { channels } else { atoms }))
    });
    let (layers, features) = (
        config.layers.len(),
        config.layers.last().map_or(0, |layer| layer.atoms),
    );
    let last = before.then(|| batch_norm(layers, features));
    let shapes = classifier::shapes(config.classes, features);
    let classifier = classifier::NAMES.into_iter().zip(shapes);
    let classifier = classifier.map(|(name, shape)| (format!("classifier.{name}"), shape));
    coding.chain(last.into_iter().flatten()).chain(classifier)
}

/// Returns the steps of a valid configuration, with initial weights drawn from a seed.
pub(crate) fn initial_steps(config: &NetworkConfig, seed: u64) -> Vec<Step> {
    steps(config, seed, &mut |_, initial| initial())
}

/// Makes a weight, λ1 or λ2, given its name and a function that returns its initial values.
type MakeArray<'a> = dyn FnMut(&str, &dyn Fn() -> Vec<f32>) -> Vec<f32> + 'a;

/// Returns the steps of a valid configuration, with the arrays made by `array`.
fn steps(config: &NetworkConfig, seed: u64, array: &mut MakeArray<'_>) -> Vec<Step> {
    let norm = config.batch_norm;
    let batch_norm = |h: usize, channels: usize| Step {
        name: format!("norm{h}"),
        layer: StepLayer::BatchNorm(BatchNorm::new(channels, &norm)),
    };
    let mut steps = Vec::new();
    let mut channels = config.input[0];
    for (h, layer) in config.layers.iter().enumerate() {
        if norm.placement == NormPlacement::Before {
            steps.push(batch_norm(h, channels));
        }
        let name = format!("layer{h}");
        let rows = channels * config.window * config.window;
        let sparse_coding = SparseCodingInit {
            window: config.window,
            stride: layer.stride,
            atoms: layer.atoms,
            dictionary: array(&format!("{name}.dictionary"), &|| {
                init::dictionary(rows, layer.atoms, config.dictionary, seed, h)
            }),
            lambda1: array(&format!("{name}.lambda1"), &|| {
                let per_atom = config.lambda1.per_atom;
                vec![config.lambda1.initial; if per_atom { layer.atoms } else { 1 }]
            }),
            lambda1_rate: config.lambda1.rate,
            lambda2: array(&format!("{name}.lambda2"), &|| vec![config.lambda2])
                .first()
                .map_or(config.lambda2, |&lambda2| lambda2),
        };
        steps.push(Step {
            name,
            layer: StepLayer::SparseCoding(SparseCoding::new(sparse_coding)),
        });
        channels = layer.atoms;
        if norm.placement == NormPlacement::After {
            steps.push(batch_norm(h, channels));
        }
    }
    if norm.placement == NormPlacement::Before {
        steps.push(batch_norm(config.layers.len(), channels));
    }
    steps.push(Step {
        name: "pooling".to_string(),
        layer: StepLayer::AveragePooling,
    });
    let weight = array(CLASSIFIER, &|| {
        init::classifier(config.classes, channels, seed)
    });
    let classifier = Classifier::new(config.classes, channels, weight);
    steps.push(Step {
        name: "classifier".to_string(),
        layer: StepLayer::Classifier(classifier),
    });
    steps
}
