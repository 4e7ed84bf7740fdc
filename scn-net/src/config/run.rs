//! The complete settings of a run.

use schemars::JsonSchema;
use scn_data::{Augmentation, DataSource, PictureConfig, Reading, Subset};
use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use super::network::NetworkConfig;
use super::training::TrainingConfig;

/// The complete settings of a run. Running them again gives bit-identical results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunConfig {
    /// The preset that the settings are based on; for information only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"digits")]
    pub preset: Option<String>,
    /// Where the images come from: the name of a data set, `folder:DIR` for your own images in one
    /// folder per class, or `npy:PREFIX` for your own arrays.
    pub dataset: DataSource,
    /// Fraction of the images of each class, between 0 and 1, that the seed sets apart for testing;
    /// for `folder:DIR` without the folders `train` and `test`. Off: the folder has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.2)]
    pub test_share: Option<f64>,
    /// Seed of the initial weights, the order of images and augmentation.
    #[serde(default)]
    pub seed: u64,
    /// Number of training images to use, at least 1. Off: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1000)]
    pub train_limit: Option<usize>,
    /// Number of test images to use, at least 1. Off: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1000)]
    pub test_limit: Option<usize>,
    /// Which images the two limits keep; the seed draws those that are `stratified`.
    #[serde(default)]
    pub subset: Subset,
    /// How images of `folder:DIR` are brought to one shape.
    #[serde(default)]
    pub pictures: PictureConfig,
    /// Preprocessing and augmentation of the images.
    #[serde(default)]
    pub input: InputConfig,
    /// How the network is trained.
    pub training: TrainingConfig,
    /// The network.
    pub network: NetworkConfig,
}

impl RunConfig {
    /// Creates the settings of a run with seed 0 on all images, with default settings otherwise.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::scn_data::DatasetName;
    /// use scn_net::{ConfigError, LayerConfig, NetworkConfig, RunConfig, TrainingConfig};
    ///
    /// let network = NetworkConfig::new([1, 8, 8], 10, vec![LayerConfig::new(8, 1)]);
    /// let mut config = RunConfig::new(DatasetName::Digits, TrainingConfig::new(5), network);
    /// config.training.learning_rate = 0.05;
    /// config.validate()?;
    ///
    /// config.network.classes = 9; // the digits have ten
    /// assert!(matches!(config.validate(), Err(ConfigError::Range { .. })));
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
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

    /// Returns the settings that, together with the files, determine the images of the data set.
    pub fn reading(&self) -> Reading {
        Reading::default()
            .with_pictures(self.pictures)
            .with_test_share(self.test_share, self.seed)
    }

    /// Returns the augmentation of the training images.
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
