//! How a network is trained.

use scn_data::LastBatch;
use serde::{Deserialize, Serialize};

/// How a network is trained: stochastic gradient descent with momentum (paper, section 5).
///
/// | key | default | range |
/// |---|---|---|
/// | `batch_size` | 128 | >= 1 |
/// | `last_batch` | `kept` | `kept` or `dropped`: what is done with images at the end of an epoch that do not fill a batch |
/// | `epochs` | | >= 1 |
/// | `learning_rate` | 0.1 | > 0 |
/// | `schedule` | `drops` | how the rate falls: in `drops`, or as a half `cosine` to zero |
/// | `drops` | [0.4, 0.8] | parts of the run, in (0, 1), after which the rate is multiplied by `drop_factor`; only with `schedule = "drops"` |
/// | `drop_factor` | 0.1 | > 0 |
/// | `warm_up_steps` | 0 | steps over which the rate rises linearly to its value |
/// | `momentum` | 0.9 | [0, 1) |
/// | `weight_decay` | 5e-4 | >= 0 |
/// | `loosest_tolerance` | 1e-3 | > 0; see below |
/// | `loosest_adjoint_tolerance` | 1e-2 | > 0; see below |
/// | `validation` | off | in (0, 1): share of each class that is set apart to choose the best epoch on, and not trained on |
/// | `patience` | off | >= 1, with `validation`: epochs without a smaller validation error after which the run ends |
/// | `recompute` | `nothing` | `nothing`, or `codes`: half the memory for activations or less, for another solve of each code; not on a graphics processor, which keeps all |
///
/// The paper drops the rate after epochs 80 and 160 of 200 (10 and 20 of 25 on MNIST): parts 0.4
/// and 0.8 of the run, which stay in place when a run is made shorter.
///
/// While training, codes and adjoint are solved less exactly as long as steps are long: to the
/// tolerances of `network.solver`, times the rate over its last value (over a hundredth of
/// `learning_rate` with a cosine, which ends at zero), but no worse than `loosest_tolerance` and
/// `loosest_adjoint_tolerance`. Evaluation and the saved model use those of
/// `network.solver`. Measured in `docs/training.md`. For the same tolerances throughout, make these
/// as small as those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrainingConfig {
    /// Images per step.
    #[serde(default = "default::batch_size")]
    pub batch_size: usize,
    /// Whether images at the end of an epoch that do not fill a batch are a smaller one.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// Passes over the training images.
    pub epochs: u64,
    /// Learning rate at the start.
    #[serde(default = "default::learning_rate")]
    pub learning_rate: f64,
    /// How it falls.
    #[serde(default)]
    pub schedule: Schedule,
    /// Parts of the run after which it drops.
    #[serde(default = "default::drops")]
    pub drops: Vec<f64>,
    /// Factor of a drop.
    #[serde(default = "default::drop_factor")]
    pub drop_factor: f64,
    /// Steps of linear warm-up.
    #[serde(default)]
    pub warm_up_steps: u64,
    /// Weight of the last step's direction.
    #[serde(default = "default::momentum")]
    pub momentum: f64,
    /// Weight of the squared parameters, halved.
    #[serde(default = "default::weight_decay")]
    pub weight_decay: f64,
    /// The largest KKT residual of codes while training, unless `network.solver` allows a larger
    /// one.
    #[serde(default = "default::loosest_tolerance")]
    pub loosest_tolerance: f32,
    /// The largest relative residual of adjoint systems while training, unless `network.solver`
    /// allows a larger one.
    #[serde(default = "default::loosest_adjoint_tolerance")]
    pub loosest_adjoint_tolerance: f32,
    /// Share of the training images of each class, in (0, 1), that is set apart by the seed to choose
    /// the best epoch on, and not trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Epochs without a smaller validation error after which the run ends, at least 1; with
    /// `validation` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// What the backward pass computes again instead of remembering it.
    #[serde(default)]
    pub recompute: Recompute,
}

impl TrainingConfig {
    /// So many epochs with the defaults of all other settings.
    pub fn new(epochs: u64) -> Self {
        Self {
            batch_size: default::batch_size(),
            last_batch: LastBatch::default(),
            epochs,
            learning_rate: default::learning_rate(),
            schedule: Schedule::default(),
            drops: default::drops(),
            drop_factor: default::drop_factor(),
            warm_up_steps: 0,
            momentum: default::momentum(),
            weight_decay: default::weight_decay(),
            loosest_tolerance: default::loosest_tolerance(),
            loosest_adjoint_tolerance: default::loosest_adjoint_tolerance(),
            validation: None,
            patience: None,
            recompute: Recompute::default(),
        }
    }
}

/// How the learning rate falls over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Schedule {
    /// By a factor at given parts of the run, as in the paper.
    #[default]
    Drops,
    /// As half a period of a cosine, to zero at the end of the run (Loshchilov, Hutter, "SGDR:
    /// Stochastic gradient descent with warm restarts", ICLR 2017, eq. (5), without restarts).
    Cosine,
}

/// What the backward pass computes again instead of remembering it. Gradients are the same to the
/// bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Recompute {
    /// All activations of a step are kept until it is over.
    #[default]
    Nothing,
    /// Of every two sparse coding layers the input is kept; they are solved again, with what stands
    /// between them, when their gradients are due.
    Codes,
}

mod default {
    pub(super) fn batch_size() -> usize {
        128
    }
    pub(super) fn learning_rate() -> f64 {
        0.1
    }
    pub(super) fn drops() -> Vec<f64> {
        vec![0.4, 0.8]
    }
    pub(super) fn drop_factor() -> f64 {
        0.1
    }
    pub(super) fn momentum() -> f64 {
        0.9
    }
    pub(super) fn weight_decay() -> f64 {
        5e-4
    }
    pub(super) fn loosest_tolerance() -> f32 {
        1e-3
    }
    pub(super) fn loosest_adjoint_tolerance() -> f32 {
        1e-2
    }
}
