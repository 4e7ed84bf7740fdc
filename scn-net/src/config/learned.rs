//! Dictionary learning before training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How dictionaries are learned before the first step, for `dictionary = "learned"`.
///
/// The layers learn one after another. A sample of the training images is passed through the
/// preceding layers, in batches of `training.batch_size` and with the moments of each batch, as in
/// training. Atoms of norm 1 are then learned on windows of the result, for nonnegative codes with
/// the network's λ2. Labels are not used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LearnedConfig {
    /// Number of training images in the sample, at least 1; all, if there are fewer. They are drawn
    /// by the seed, and neither flipped nor shifted.
    pub images: usize,
    /// Number of windows that each layer learns from, at least 1; all in the sample, if there are
    /// fewer. They are drawn by the seed.
    pub windows: usize,
    /// Largest number of passes over the windows of a layer, at least 1. Learning ends earlier if
    /// the objective stops falling.
    pub epochs: u64,
    /// λ1 for learning, as a fraction of the mean norm of a layer's windows, in [0, 1). A layer
    /// whose own λ1 is larger uses that instead.
    ///
    /// Layers start with λ1 = 0, where codes cost almost nothing: the atoms would only have to span
    /// the windows, which many dictionaries do equally well. A penalty relative to the windows
    /// favours few atoms per window, whatever the scale of a layer's input. At 1, the code of a
    /// window of mean norm is zero for any atoms.
    pub lambda1: f32,
}

impl Default for LearnedConfig {
    fn default() -> Self {
        Self {
            images: 512,
            windows: 10_000,
            epochs: 10,
            lambda1: 0.1,
        }
    }
}
