//! The network: its layers and their initial values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batch_norm::BatchNormConfig;
use super::learned::LearnedConfig;
use super::solver::SolverConfig;

/// A network of sparse coding layers, followed by the average over the map and a linear classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NetworkConfig {
    /// Channels, height and width of an image; must match the data set.
    pub input: [usize; 3],
    /// Number of classes; must match the data set.
    pub classes: usize,
    /// Side length of the windows in pixels, odd and at most 255.
    #[serde(default = "default::window")]
    pub window: usize,
    /// λ2 of every layer, at least 0; not learned.
    #[serde(default = "default::lambda2")]
    pub lambda2: f32,
    /// Initial dictionaries.
    #[serde(default)]
    pub dictionary: DictionaryInit,
    /// How dictionaries are learned before the first step, for `dictionary = "learned"`. Off: the
    /// defaults apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<LearnedConfig>,
    /// λ1 of every layer.
    #[serde(default)]
    pub lambda1: Lambda1Config,
    /// Batch normalisation.
    #[serde(default)]
    pub batch_norm: BatchNormConfig,
    /// How codes and their adjoints are computed.
    #[serde(default)]
    pub solver: SolverConfig,
    /// The sparse coding layers in forward order, from 1 to 1024.
    pub layers: Vec<LayerConfig>,
}

impl NetworkConfig {
    /// Creates the settings of a network for images of `input` = channels, height and width, with
    /// default settings otherwise.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{LayerConfig, Network, NetworkConfig};
    ///
    /// // Two layers for grey images of 8 x 8 pixels in ten classes. The second has stride 2.
    /// let layers = vec![LayerConfig::new(8, 1), LayerConfig::new(16, 2)];
    /// let config = NetworkConfig::new([1, 8, 8], 10, layers);
    /// let network = Network::new(&config, 0)?;
    ///
    /// // Dictionaries for windows of 3 x 3 pixels, each with its lambda1, and the classifier.
    /// let learned = (9 * 8 + 1) + (9 * 8 * 16 + 1) + (16 * 10 + 10);
    /// assert_eq!(network.parameter_count(), learned);
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
    pub fn new(input: [usize; 3], classes: usize, layers: Vec<LayerConfig>) -> Self {
        Self {
            input,
            classes,
            window: default::window(),
            lambda2: default::lambda2(),
            dictionary: DictionaryInit::default(),
            learned: None,
            lambda1: Lambda1Config::default(),
            batch_norm: BatchNormConfig::default(),
            solver: SolverConfig::default(),
            layers,
        }
    }

    /// Fills in the settings of dictionary learning, if dictionaries are learned.
    pub(super) fn spell_out(&mut self) {
        if self.dictionary == DictionaryInit::Learned {
            self.learned.get_or_insert_default();
        }
    }
}

/// A sparse coding layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LayerConfig {
    /// Number of atoms, which is also the number of channels of the output, from 1 to 65536.
    pub atoms: usize,
    /// Distance between neighbouring windows in pixels, from 1 to 255.
    #[serde(default = "default::stride")]
    pub stride: usize,
}

impl LayerConfig {
    /// Creates a layer of `atoms` atoms with windows `stride` pixels apart.
    pub fn new(atoms: usize, stride: usize) -> Self {
        Self { atoms, stride }
    }
}

/// Initial dictionaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DictionaryInit {
    /// Entries N(0,1)/m for windows of m numbers, as in the [authors'
    /// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks).
    #[default]
    Paper,
    /// Atoms with entries N(0,1), scaled to norm 1.
    UnitNorm,
    /// Atoms of norm 1, learned from training images without their labels; see `network.learned`.
    Learned,
}

/// λ1 of every layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Lambda1Config {
    /// Initial λ1, at least 0.
    pub initial: f32,
    /// Factor on the learning rate of λ1, at least 0; 0 keeps λ1 fixed.
    pub rate: f32,
    /// Whether each atom has its own λ1, instead of one per layer.
    pub per_atom: bool,
}

impl Default for Lambda1Config {
    fn default() -> Self {
        Self {
            initial: 0.0,
            rate: 1.0,
            per_atom: false,
        }
    }
}

mod default {
    pub(super) fn window() -> usize {
        3
    }
    pub(super) fn lambda2() -> f32 {
        1e-4
    }
    pub(super) fn stride() -> usize {
        1
    }
}
