//! Which layers a network has, in order of flow, and with what they begin.

use std::collections::BTreeMap;

use super::memory::check_network;
use super::{Named, Network};
use crate::config::{NetworkConfig, Placement};
use crate::layer::{AveragePooling, BatchNorm, Linear, SparseCoding, SparseCodingInit};
use crate::{ConfigError, NetError, init};

/// The name of the classifier's weights.
const CLASSIFIER: &str = "classifier.weight";

impl Network {
    /// With all its arrays, by their names in the model file. Nothing is drawn at random, and Gram matrices are computed once.
    pub(crate) fn from_arrays(
        config: &NetworkConfig,
        mut arrays: BTreeMap<String, Vec<f32>>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        check_network(config).map_err(NetError::from)?;
        let layers = layers(config, 0, &mut |name, initial| {
            arrays.remove(name).unwrap_or_else(initial)
        })?;
        let mut network = Self::of_layers(config, layers);
        // What is left are those from which nothing else is derived.
        network.visit_params_mut(&mut |name, param| {
            if let Some(values) = arrays.remove(name) {
                param.value = values;
            }
        });
        Ok(network)
    }
}

/// The names and shapes of all arrays of a network, without making one.
pub(crate) fn array_shapes(config: &NetworkConfig) -> impl Iterator<Item = (String, Vec<usize>)> {
    let norm = config.batch_norm;
    let batch_norm = move |h: usize, channels: usize| {
        let learned: &[_] = if norm.affine {
            &["scale", "shift"]
        } else {
            &[]
        };
        let names = learned.iter().chain(&["mean", "variance"]);
        names.map(move |name| (format!("norm{h}.{name}"), vec![channels]))
    };
    let before = norm.placement == Placement::Before;
    let inputs =
        std::iter::once(config.input[0]).chain(config.layers.iter().map(|layer| layer.atoms));
    let coding = config.layers.iter().zip(inputs).enumerate();
    let coding = coding.flat_map(move |(h, (layer, channels))| {
        let (rows, atoms) = (channels * config.window * config.window, layer.atoms);
        let lambda1 = if config.lambda1.per_atom { atoms } else { 1 };
        let arrays = [
            (format!("layer{h}.dictionary"), vec![rows, atoms]),
            (format!("layer{h}.lambda1"), vec![lambda1]),
            (format!("layer{h}.lambda2"), vec![1]),
        ];
        arrays
            .into_iter()
            .chain(batch_norm(h, if before { channels } else { atoms }))
    });
    let (layers, features) = (
        config.layers.len(),
        config.layers.last().map_or(0, |layer| layer.atoms),
    );
    let last = before.then(|| batch_norm(layers, features));
    let classifier = [
        (CLASSIFIER.to_string(), vec![config.classes, features]),
        ("classifier.bias".to_string(), vec![config.classes]),
    ];
    coding.chain(last.into_iter().flatten()).chain(classifier)
}

/// The layers that a valid configuration describes, with the weights of a seed.
pub(super) fn initial_layers(config: &NetworkConfig, seed: u64) -> Result<Vec<Named>, ConfigError> {
    layers(config, seed, &mut |_, initial| initial())
}

/// Makes a weight, or λ1 or λ2, of its name and of what it would begin with.
type MakeArray<'a> = dyn FnMut(&str, &dyn Fn() -> Vec<f32>) -> Vec<f32> + 'a;

/// The layers that a valid configuration describes, with the arrays that `array` makes.
fn layers(
    config: &NetworkConfig,
    seed: u64,
    array: &mut MakeArray<'_>,
) -> Result<Vec<Named>, ConfigError> {
    let norm = config.batch_norm;
    let batch_norm = |h: usize, channels: usize| Named {
        name: format!("norm{h}"),
        layer: Box::new(BatchNorm::new(channels, &norm)),
    };
    let mut layers = Vec::new();
    let mut channels = config.input[0];
    for (h, layer) in config.layers.iter().enumerate() {
        if norm.placement == Placement::Before {
            layers.push(batch_norm(h, channels));
        }
        let name = format!("layer{h}");
        let rows = channels * config.window * config.window;
        let sparse_coding = SparseCodingInit {
            name: name.clone(),
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
        layers.push(Named {
            name,
            layer: Box::new(SparseCoding::new(sparse_coding, &config.solver)?),
        });
        channels = layer.atoms;
        if norm.placement == Placement::After {
            layers.push(batch_norm(h, channels));
        }
    }
    if norm.placement == Placement::Before {
        layers.push(batch_norm(config.layers.len(), channels));
    }
    layers.push(Named {
        name: "pooling".to_string(),
        layer: Box::new(AveragePooling),
    });
    let weight = array(CLASSIFIER, &|| {
        init::classifier(config.classes, channels, seed)
    });
    let classifier = Box::new(Linear::new(config.classes, channels, weight));
    layers.push(Named {
        name: "classifier".to_string(),
        layer: classifier,
    });
    Ok(layers)
}
