//! A run, complete.

use schemars::JsonSchema;
use scn_data::{Augmentation, DatasetName, Subset};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::network::NetworkConfig;
use super::training::TrainingConfig;

/// A run, complete: starting again from it gives the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunConfig {
    /// The preset that the settings were made from; for the reader, without effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"digits")]
    pub preset: Option<String>,
    /// The data set.
    pub dataset: DatasetName,
    /// Seed of initial weights, order and augmentation.
    #[serde(default)]
    pub seed: u64,
    /// Trains on so many images only, at least 1. Off: on all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1000)]
    pub train_limit: Option<usize>,
    /// Tests on so many images only, at least 1. Off: on all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1000)]
    pub test_limit: Option<usize>,
    /// Which images the two limits keep; the seed draws those that are `stratified`.
    #[serde(default)]
    pub subset: Subset,
    /// What is done to the pixels.
    #[serde(default)]
    pub input: InputConfig,
    /// How the network is trained.
    pub training: TrainingConfig,
    /// The network.
    pub network: NetworkConfig,
}

impl RunConfig {
    /// A run on a data set with seed 0, on all images as they are.
    pub fn new(dataset: DatasetName, training: TrainingConfig, network: NetworkConfig) -> Self {
        Self {
            preset: None,
            dataset,
            seed: 0,
            train_limit: None,
            test_limit: None,
            subset: Subset::default(),
            input: InputConfig::default(),
            training,
            network,
        }
    }

    /// How training images are varied.
    pub fn augmentation(&self) -> Augmentation {
        let InputConfig {
            flip, shift, draw, ..
        } = self.input;
        Augmentation::default()
            .with_flip(flip)
            .with_shift(shift)
            .with_draw(draw)
            .with_group(self.network.batch_norm.group.unwrap_or(0))
    }
}
