//! A run, complete.

use scn_data::{Augmentation, DataSource, PictureConfig, Reading, Subset};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::network::NetworkConfig;
use super::training::TrainingConfig;

/// A run, complete: starting again from it gives the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunConfig {
    /// The preset it was made from; for the reader, without effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Where the images come from: the name of a data set, `folder:DIR` for pictures of your own in
    /// folders by class, or `npy:PREFIX` for arrays of your own.
    pub dataset: DataSource,
    /// Share of the pictures of each class that is set apart to test on, drawn by the seed; for
    /// `folder:DIR` without the folders `train` and `test`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_share: Option<f64>,
    /// Seed of initial weights, order and augmentation.
    #[serde(default)]
    pub seed: u64,
    /// Trains on so many images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<usize>,
    /// Tests on so many images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_limit: Option<usize>,
    /// Which images these are: the `first`, or `stratified`, of each class its share, drawn by the
    /// seed.
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
