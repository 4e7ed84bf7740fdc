//! Stochastic gradient descent with momentum.

use std::collections::BTreeMap;

use crate::config::TrainingConfig;

/// Stochastic gradient descent with momentum and weight decay, on the gradient of the mean loss of
/// a batch:
///
/// ```text
/// v <- momentum v - rate (decay w + dLoss/dw),     w <- w + v,     λ1 <- max(λ1, 0)
/// ```
/// <!-- math:
/// v \leftarrow \mathrm{momentum}\; v - \mathrm{rate} \Bigl( \mathrm{decay}\; w + \frac{\partial\, \mathrm{Loss}}{\partial w} \Bigr),
/// \qquad w \leftarrow w + v, \qquad \lambda_1 \leftarrow \max(\lambda_1, 0)
/// -->
///
/// Decay acts on dictionaries, λ1 and the classifier, as in the [authors'
/// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks), and on scales
/// and shifts of batch normalisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd {
    momentum: f32,
    weight_decay: f32,
    /// v of each parameter, by its name; absent before the first step.
    velocity: BTreeMap<String, Vec<f32>>,
}

impl Sgd {
    /// At rest.
    pub fn new(config: &TrainingConfig) -> Self {
        Self {
            momentum: config.momentum as f32,
            weight_decay: config.weight_decay as f32,
            velocity: BTreeMap::new(),
        }
    }

    /// The numbers of a step.
    pub(crate) fn descent(&self, rate: f64) -> Descent {
        Descent {
            rate: rate as f32,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
        }
    }

    /// v by parameter name.
    pub(crate) fn velocity(&self) -> &BTreeMap<String, Vec<f32>> {
        &self.velocity
    }

    pub(crate) fn velocity_mut(&mut self) -> &mut BTreeMap<String, Vec<f32>> {
        &mut self.velocity
    }

    pub(crate) fn set_velocity(&mut self, velocity: BTreeMap<String, Vec<f32>>) {
        self.velocity = velocity;
    }
}

/// The numbers of a step of gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Descent {
    pub(crate) rate: f32,
    pub(crate) momentum: f32,
    pub(crate) weight_decay: f32,
}
