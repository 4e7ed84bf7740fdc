//! Batch normalisation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Batch normalisation.
///
/// With groups the running moments follow the mean over the groups of a batch, each weighted by
/// its number of images. The [authors'
/// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks) divides a batch
/// among four graphics processors, each of which normalises its own part: `group = 32` with a batch
/// of 128 is the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct BatchNormConfig {
    /// Where batch normalisation stands.
    pub placement: NormPlacement,
    /// Weight of a batch in the running moments, above 0 and at most 1.
    pub rate: f32,
    /// Added to the variance before its root is taken, above 0.
    pub epsilon: f32,
    /// The moments that inference uses.
    pub moments: Moments,
    /// Training batches from which `estimated` moments are taken, at least 1.
    pub estimation_batches: usize,
    /// Images of a group in a full batch, at least 1: in training, images are normalised by the
    /// moments of their group. A smaller batch has as many groups, as equal as can be. Off: the
    /// whole batch is one group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 32)]
    pub group: Option<usize>,
    /// Whether each channel has a learned scale and shift, as in the usual batch normalisation.
    pub affine: bool,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        Self {
            placement: NormPlacement::Before,
            rate: 0.1,
            epsilon: 1e-4,
            moments: Moments::Running,
            estimation_batches: 32,
            group: None,
            affine: false,
        }
    }
}

/// Where batch normalisation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NormPlacement {
    /// Before every sparse coding layer, and before the pooling.
    Before,
    /// After every sparse coding layer.
    After,
}

/// The moments that inference uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Moments {
    /// Running averages over training steps. They lag where a channel is rarely active, and its
    /// variance jumps.
    Running,
    /// Averages over training batches with the weights as they are, taken before each evaluation.
    Estimated,
}
