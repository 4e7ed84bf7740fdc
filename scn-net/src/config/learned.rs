//! How dictionaries are learned before training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How dictionaries are learned before the first step, for `dictionary = "learned"`.
///
/// Layer by layer, a sample of the training images is passed through the layers before, in batches
/// of `training.batch_size` and with the moments of each batch, as in training. Atoms of norm 1 are
/// then learned on windows of what arrives, for nonnegative codes with λ2 of the network. Labels
/// play no part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LearnedConfig {
    /// Training images in the sample, at least 1; all, if there are fewer. The seed draws them; they
    /// are neither flipped nor shifted.
    pub images: usize,
    /// Windows that each layer learns from, at least 1; all of the sample, if there are fewer. The
    /// seed draws them.
    pub windows: usize,
    /// Passes over the windows of a layer, at least 1; fewer, where the objective stops falling
    /// earlier.
    pub epochs: u64,
    /// λ1 of learning, as a fraction of the mean norm of a layer's windows, in [0, 1). A layer whose
    /// own λ1 is larger learns with that.
    ///
    /// Layers begin with λ1 = 0, where a code costs next to nothing: the atoms would only have to
    /// span the windows, and many dictionaries do that equally well. A price that is relative to the
    /// windows asks for few atoms per window, whatever the scale of a layer's input. At 1 the code
    /// of a window of mean norm is zero for any atoms.
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
