//! A run, complete.

use schemars::JsonSchema;
use scn_data::{Augmentation, DataSource, PictureConfig, Reading, Subset};
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
    /// Where the images come from: the name of a data set, `folder:DIR` for pictures of your own in
    /// folders by class, or `npy:PREFIX` for arrays of your own.
    pub dataset: DataSource,
    /// Share of the pictures of each class, between 0 and 1, that the seed sets apart to test on; for
    /// `folder:DIR` without the folders `train` and `test`. Off: it has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.2)]
    pub test_share: Option<f64>,
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
    /// How pictures of `folder:DIR` become images of one shape.
    #[serde(default)]
    pub pictures: PictureConfig,
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
    pub fn new(
        dataset: impl Into<DataSource>,
        training: TrainingConfig,
        network: NetworkConfig,
    ) -> Self {
        Self {
            preset: None,
            dataset: dataset.into(),
            test_share: None,
            pictures: PictureConfig::default(),
            seed: 0,
            train_limit: None,
            test_limit: None,
            subset: Subset::default(),
            input: InputConfig::default(),
            training,
            network,
        }
    }

    /// What decides, beside the files, which images the data set has.
    pub fn reading(&self) -> Reading {
        Reading::default()
            .with_pictures(self.pictures)
            .with_test_share(self.test_share, self.seed)
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
