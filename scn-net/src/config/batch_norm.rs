//! Batch normalisation.

use serde::{Deserialize, Serialize};

/// Batch normalisation.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `placement` | `before` | `before` every sparse coding layer and the pooling, or `after` every sparse coding layer |
/// | `rate` | 0.1 | weight of a batch in the running moments, in (0, 1] |
/// | `epsilon` | 1e-4 | added to the variance, > 0 |
/// | `moments` | `running` | what inference uses: `running` averages, or moments `estimated` before each evaluation |
/// | `estimation_batches` | 32 | training batches, weights fixed, for `estimated` moments |
/// | `group` | off | >= 1: in training, images are normalised by the moments of their group, of so many in a full batch; a smaller batch has as many groups, as equal as can be. Off: one group, the whole batch |
/// | `affine` | false | a learned scale and shift for each channel, as in the usual batch normalisation |
///
/// With groups the running moments follow the mean over the groups of a batch, each weighted with
/// its images. The [authors'
/// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks) divides a batch
/// among four graphics processors, each of which normalises its own part: `group = 32` with a batch
/// of 128 is the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct BatchNormConfig {
    /// Where it stands.
    pub placement: NormPlacement,
    /// Weight of a batch in the running moments.
    pub rate: f32,
    /// Added to the variance.
    pub epsilon: f32,
    /// What inference uses.
    pub moments: Moments,
    /// Training batches used for estimated moments.
    pub estimation_batches: usize,
    /// Images of a group in a full batch; absent: the whole batch is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<usize>,
    /// Whether there is a learned scale and shift.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NormPlacement {
    /// Before every sparse coding layer, and before the pooling.
    Before,
    /// After every sparse coding layer.
    After,
}

/// The moments that inference uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Moments {
    /// Running averages over training steps. They lag where a channel is rarely active, and its
    /// variance jumps.
    Running,
    /// Averages over training batches with the weights as they are.
    Estimated,
}
