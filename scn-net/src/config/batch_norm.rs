//! Batch normalisation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Batch normalisation.
///
/// With groups, the running moments follow the mean over the groups of a batch, weighted by their
/// numbers of images. The [authors'
/// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks) splits a batch
/// among four GPUs, each of which normalises its own part: `group = 32` with a batch of 128 does
/// the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct BatchNormConfig {
    /// Where batch normalisation is placed.
    pub placement: NormPlacement,
    /// Weight of a batch in the running moments, above 0 and at most 1.
    pub rate: f32,
    /// Constant added to the variance before its square root is taken, above 0.
    pub epsilon: f32,
    /// The moments used for inference.
    pub moments: Moments,
    /// Number of training batches used for `estimated` moments, at least 1.
    pub estimation_batches: usize,
    /// Images per group in a full batch, at least 1. In training, images are normalised by the
    /// moments of their group. A smaller batch has as many groups, of nearly equal size. Off: the
    /// whole batch is one group.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 32)]
    pub group: Option<usize>,
    /// Whether each channel has a learned scale and shift, as is usual for batch normalisation.
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

/// Where batch normalisation is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NormPlacement {
    /// Before every sparse coding layer, and before the pooling.
    Before,
    /// After every sparse coding layer.
    After,
}

/// The moments used for inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Moments {
    /// Running averages over training steps. They lag behind where a channel is rarely active and
    /// its variance jumps.
    Running,
    /// Averages over training batches with the current weights, taken before each evaluation.
    Estimated,
}
