//! Which layers a network has, in order of flow, and with what they begin.

use super::Named;
use crate::config::{NetworkConfig, Placement};
use crate::layer::{AveragePooling, BatchNorm, Linear, SparseCoding, SparseCodingInit};
use crate::{ConfigError, init};

/// The layers that a valid configuration describes, with initial weights from a seed.
pub(super) fn layers(config: &NetworkConfig, seed: u64) -> Result<Vec<Named>, ConfigError> {
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
            dictionary: init::dictionary(rows, layer.atoms, config.dictionary, seed, h),
            lambda1: vec![
                config.lambda1.initial;
                if config.lambda1.per_atom {
                    layer.atoms
                } else {
                    1
                }
            ],
            lambda1_rate: config.lambda1.rate,
            lambda2: config.lambda2,
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
    let weight = init::classifier(config.classes, channels, seed);
    let classifier = Box::new(Linear::new(config.classes, channels, weight));
    layers.push(Named {
        name: "classifier".to_string(),
        layer: classifier,
    });
    Ok(layers)
}
