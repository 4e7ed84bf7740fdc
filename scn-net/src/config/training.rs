//! How a network is trained.

use schemars::JsonSchema;
use scn_data::LastBatch;
use serde::{Deserialize, Serialize};

/// How a network is trained: stochastic gradient descent with momentum (paper, section 5).
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrainingConfig {
    /// Images per step, at least 1.
    #[serde(default = "default::batch_size")]
    pub batch_size: usize,
    /// What is done with the images at the end of an epoch that do not fill a batch.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// Passes over the training images, from 1 to 1000000000.
    pub epochs: u64,
    /// The learning rate at the start, above 0.
    #[serde(default = "default::learning_rate")]
    pub learning_rate: f64,
    /// How the learning rate falls over the run.
    #[serde(default)]
    pub schedule: Schedule,
    /// Parts of the run, between 0 and 1, after which the rate is multiplied by `drop_factor`; only
    /// with `schedule = "drops"`.
    #[serde(default = "default::drops")]
    pub drops: Vec<f64>,
    /// What the rate is multiplied by at each of the `drops`, above 0.
    #[serde(default = "default::drop_factor")]
    pub drop_factor: f64,
    /// Steps over which the rate first rises linearly to its value.
    #[serde(default)]
    pub warm_up_steps: u64,
    /// Weight of the last step's direction, at least 0 and below 1.
    #[serde(default = "default::momentum")]
    pub momentum: f64,
    /// Factor of half the squared norm of the parameters in the loss, at least 0.
    #[serde(default = "default::weight_decay")]
    pub weight_decay: f64,
    /// Norm of the gradients of all parameters together to which those of a step are scaled down if
    /// theirs is larger, above 0 (Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent
    /// neural networks", ICML 2013). Off: they stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1.0)]
    pub clip_norm: Option<f64>,
    /// Share of each class in the labels is (1 - `label_smoothing`) of what it was, plus
    /// `label_smoothing` / classes, while training; at least 0 and below 1 (Szegedy et al.,
    /// "Rethinking the inception architecture for computer vision", CVPR 2016).
    #[serde(default)]
    pub label_smoothing: f64,
    /// Parameter α of mixup, above 0 and at most 1000: the images of a batch, with their labels, are
    /// mixed in pairs, with shares from the distribution Beta(α, α) (Zhang et al., "mixup: Beyond
    /// empirical risk minimization", ICLR 2018). Off: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.2)]
    pub mixup: Option<f64>,
    /// Decay of an exponential average of all weights over the steps, between 0 and 1. The averaged
    /// network is evaluated after each epoch, too, and kept in `model-averaged.safetensors`. Off:
    /// there is none.
    ///
    /// Each step counts `average_decay` of the next: 0.999 averages over about the last thousand
    /// (Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control
    /// Optim. 30, 1992; with falling weights and corrected for the start as the moments of Kingma,
    /// Ba, "Adam", ICLR 2015).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.999)]
    pub average_decay: Option<f64>,
    /// The largest KKT residual of codes while training, above 0, unless `network.solver` allows a
    /// larger one.
    #[serde(default = "default::loosest_tolerance")]
    pub loosest_tolerance: f32,
    /// The largest relative residual of adjoint systems while training, above 0, unless
    /// `network.solver` allows a larger one.
    #[serde(default = "default::loosest_adjoint_tolerance")]
    pub loosest_adjoint_tolerance: f32,
    /// Share of the training images of each class, between 0 and 1, that the seed sets apart to choose
    /// the best epoch on; it is not trained on. Off: nothing is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.1)]
    pub validation: Option<f64>,
    /// Epochs without a better one, by `validation`, after which the run ends, at least 1. Off: it
    /// goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 10)]
    pub patience: Option<u64>,
    /// What the backward pass computes again instead of remembering it. Gradients are the same to
    /// the bit.
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
            clip_norm: None,
            label_smoothing: 0.0,
            mixup: None,
            average_decay: None,
            loosest_tolerance: default::loosest_tolerance(),
            loosest_adjoint_tolerance: default::loosest_adjoint_tolerance(),
            validation: None,
            patience: None,
            recompute: Recompute::default(),
        }
    }
}

/// How the learning rate falls over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Recompute {
    /// All activations of a step are kept until it is over.
    #[default]
    Nothing,
    /// Of every two sparse coding layers the input is kept; they are solved again, with what stands
    /// between them, when their gradients are due. Activations take half the memory or less; a
    /// graphics processor keeps all the same.
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
