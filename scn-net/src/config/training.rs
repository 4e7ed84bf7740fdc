//! How a network is trained.

use schemars::JsonSchema;
use scn_data::LastBatch;
use serde::{Deserialize, Serialize};

/// How a network is trained: stochastic gradient descent with momentum (paper, section 5).
///
/// The paper drops the rate after epochs 80 and 160 of 200 (10 and 20 of 25 on MNIST). Drops are
/// fractions of the run, here 0.4 and 0.8, so they keep their place in a shorter run.
///
/// Codes and adjoints are solved less exactly while steps are large. Their tolerances are those of
/// `network.solver` times the current rate over its last value (over a hundredth of `learning_rate`
/// with a cosine, which ends at zero), but at most `loosest_tolerance` and
/// `loosest_adjoint_tolerance`. Evaluation and the saved model use the tolerances of
/// `network.solver`. For constant tolerances, set the loosest ones to the same values.
/// `docs/experiments.md` has measurements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TrainingConfig {
    /// Images per step, at least 1.
    #[serde(default = "default::batch_size")]
    pub batch_size: usize,
    /// What happens to the images at the end of an epoch that do not fill a batch.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// Passes over the training images, from 1 to 1000000000.
    pub epochs: u64,
    /// Initial learning rate, above 0.
    #[serde(default = "default::learning_rate")]
    pub learning_rate: f64,
    /// How the learning rate falls over the run.
    #[serde(default)]
    pub schedule: Schedule,
    /// Fractions of the run, between 0 and 1, after which the rate is multiplied by `drop_factor`;
    /// only with `schedule = "drops"`.
    #[serde(default = "default::drops")]
    pub drops: Vec<f64>,
    /// Factor on the rate at each of the `drops`, above 0.
    #[serde(default = "default::drop_factor")]
    pub drop_factor: f64,
    /// Number of steps over which the rate first rises linearly to its value.
    #[serde(default)]
    pub warm_up_steps: u64,
    /// Weight of the previous step's direction, at least 0 and below 1.
    #[serde(default = "default::momentum")]
    pub momentum: f64,
    /// Factor on half the squared norm of the parameters in the loss, at least 0.
    #[serde(default = "default::weight_decay")]
    pub weight_decay: f64,
    /// Largest norm of the gradients of all parameters together, above 0; larger gradients are
    /// scaled down to it (Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural
    /// networks", ICML 2013). Off: gradients are not clipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1.0)]
    pub clip_norm: Option<f64>,
    /// Label smoothing in training, at least 0 and below 1: the weight of each class in a label is
    /// multiplied by 1 - `label_smoothing`, and `label_smoothing` / classes is added (Szegedy et
    /// al., "Rethinking the inception architecture for computer vision", CVPR 2016).
    #[serde(default)]
    pub label_smoothing: f64,
    /// Parameter α of mixup, above 0 and at most 1000: the images of a batch and their labels are
    /// mixed in pairs, with weights drawn from the distribution Beta(α, α) (Zhang et al., "mixup:
    /// Beyond empirical risk minimization", ICLR 2018). Off: images are not mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.2)]
    pub mixup: Option<f64>,
    /// Decay of an exponential average of all weights over the steps, between 0 and 1. The averaged
    /// network is also evaluated after each epoch, and saved as `model-averaged.safetensors`. Off:
    /// no average.
    ///
    /// The weight of each step is `average_decay` times that of the next: 0.999 averages over about
    /// the last thousand steps (Polyak, Juditsky, "Acceleration of stochastic approximation by
    /// averaging", SIAM J. Control Optim. 30, 1992; here with decreasing weights and corrected for
    /// the start like the moments in Kingma, Ba, "Adam", ICLR 2015).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.999)]
    pub average_decay: Option<f64>,
    /// Largest KKT residual of codes in training, above 0, unless `network.solver` allows a larger
    /// one.
    #[serde(default = "default::loosest_tolerance")]
    pub loosest_tolerance: f32,
    /// Largest relative residual of adjoint systems in training, above 0, unless `network.solver`
    /// allows a larger one.
    #[serde(default = "default::loosest_adjoint_tolerance")]
    pub loosest_adjoint_tolerance: f32,
    /// Fraction of the training images of each class, between 0 and 1, that the seed sets apart to
    /// choose the best epoch; they are not trained on. Off: no epoch is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.1)]
    pub validation: Option<f64>,
    /// Number of epochs without an improvement on the `validation` images after which the run ends,
    /// at least 1. Off: the run never ends early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 10)]
    pub patience: Option<u64>,
    /// What the backward pass recomputes instead of storing. Gradients are bit-identical.
    #[serde(default)]
    pub recompute: Recompute,
}

impl TrainingConfig {
    /// Creates settings for `epochs` epochs, with default settings otherwise.
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
    /// Falls by a factor at given fractions of the run, as in the paper.
    #[default]
    Drops,
    /// Follows half a period of a cosine to zero at the end of the run (Loshchilov, Hutter, "SGDR:
    /// Stochastic gradient descent with warm restarts", ICLR 2017, eq. (5), without restarts).
    Cosine,
}

/// What the backward pass recomputes instead of storing. Gradients are bit-identical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Recompute {
    /// All activations of a step are kept until the step is over.
    #[default]
    Nothing,
    /// Only the input of each pair of sparse coding layers is kept. The backward pass solves the
    /// pair again, with the layers between. Activations take half the memory or less. No effect on
    /// a GPU, which keeps all activations.
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
