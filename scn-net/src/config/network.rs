//! The network: its layers and what they begin with.

use serde::{Deserialize, Serialize};

use super::batch_norm::BatchNormConfig;
use super::solver::SolverConfig;

/// A network: sparse coding layers in order of flow, then the average over the map and a linear
/// classifier.
///
/// | key | default | range |
/// |---|---|---|
/// | `input` | | [channels, height, width] |
/// | `classes` | | >= 2 |
/// | `window` | 3 | odd |
/// | `lambda2` | 1e-4 | >= 0 |
/// | `dictionary` | `paper` | `paper`: entries N(0,1)/m; `unit-norm`: columns N(0,1) scaled to norm 1 |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NetworkConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Side k of the windows.
    #[serde(default = "default::window")]
    pub window: usize,
    /// λ2 of every layer. Not learned.
    #[serde(default = "default::lambda2")]
    pub lambda2: f32,
    /// Initial dictionaries.
    #[serde(default)]
    pub dictionary: DictionaryInit,
    /// λ1 of every layer.
    #[serde(default)]
    pub lambda1: Lambda1Config,
    /// Batch normalisation.
    #[serde(default)]
    pub batch_norm: BatchNormConfig,
    /// How codes and their adjoint are computed.
    #[serde(default)]
    pub solver: SolverConfig,
    /// The sparse coding layers.
    pub layers: Vec<LayerConfig>,
}

impl NetworkConfig {
    /// A network for images of so many channels, height and width, with the defaults of all other
    /// settings.
    pub fn new(input: [usize; 3], classes: usize, layers: Vec<LayerConfig>) -> Self {
        Self {
            input,
            classes,
            window: default::window(),
            lambda2: default::lambda2(),
            dictionary: DictionaryInit::default(),
            lambda1: Lambda1Config::default(),
            batch_norm: BatchNormConfig::default(),
            solver: SolverConfig::default(),
            layers,
        }
    }
}

/// One sparse coding layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LayerConfig {
    /// Atoms, the channels of its output.
    pub atoms: usize,
    /// Distance between windows, in pixels.
    #[serde(default = "default::stride")]
    pub stride: usize,
}

impl LayerConfig {
    /// So many atoms, and windows so many pixels apart.
    pub fn new(atoms: usize, stride: usize) -> Self {
        Self { atoms, stride }
    }
}

/// Where dictionaries start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DictionaryInit {
    /// Entries N(0,1)/m, as in the [authors'
    /// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks).
    #[default]
    Paper,
    /// Atoms of norm 1 in random directions.
    UnitNorm,
}

/// λ1 of every layer.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `initial` | 0 | value at the start, >= 0 |
/// | `rate` | 1 | factor on the learning rate; 0 holds λ1 fixed |
/// | `per_atom` | false | one per atom instead of one per layer |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Lambda1Config {
    /// Value at the start.
    pub initial: f32,
    /// Factor on the learning rate.
    pub rate: f32,
    /// One per atom instead of one per layer.
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
