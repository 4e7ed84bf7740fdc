//! Stochastic gradient descent with momentum.

use std::collections::BTreeMap;

use crate::config::TrainingConfig;

/// Arrays of numbers by the names of their parameters.
pub(crate) type Arrays = BTreeMap<String, Vec<f32>>;

/// Stochastic gradient descent with momentum and weight decay, on the gradient of the mean loss of
/// a batch:
///
/// ```text
/// g <- dLoss/dw min(1, clip / |dLoss/dw|),     v <- momentum v - rate (decay w + g),
/// w <- w + v,     λ1 <- max(λ1, 0)
/// ```
/// <!-- math:
/// g \leftarrow \frac{\partial\, \mathrm{Loss}}{\partial w}
/// \min\Bigl(1, \mathrm{clip} \Bigm/ \Bigl\lVert
/// \frac{\partial\, \mathrm{Loss}}{\partial w} \Bigr\rVert \Bigr),
/// \qquad v \leftarrow \mathrm{momentum}\; v - \mathrm{rate} (\mathrm{decay}\; w + g),
/// \qquad w \leftarrow w + v, \qquad \lambda_1 \leftarrow \max(\lambda_1, 0)
/// -->
///
/// The norm is that of the gradients of all parameters together, except [fixed](crate::Role::Fixed)
/// ones. clip is [`TrainingConfig::clip_norm`]; gradients are not clipped if it is None. Decay acts
/// on dictionaries, λ1 and the classifier, as in the [authors'
/// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks), and on scales
/// and shifts of batch normalisation.
///
/// With [`TrainingConfig::average_decay`] d, the optimiser also averages all arrays a of the
/// network, including the moments of the data, over the t steps so far. The weight of each step is
/// d times that of the next one:
///
/// ```text
/// average <- average + (1 - d) / (1 - d^t) (a - average)
/// ```
/// <!-- math: \bar a \leftarrow \bar a + \frac{1 - d}{1 - d^t} (a - \bar a) -->
///
/// This is the exponential moving average that starts from zero, corrected for this start by the
/// factor 1 / (1 - d^t).
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd {
    momentum: f32,
    weight_decay: f32,
    clip_norm: Option<f32>,
    average_decay: Option<f64>,
    /// Number of steps so far.
    steps: u64,
    state: OptimizerState,
}

/// The state that an optimiser keeps between steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OptimizerState {
    /// The velocity v of each learned parameter; empty before the first step.
    pub(crate) velocity: Arrays,
    /// The average of each array; empty before the first step and in runs without averaging.
    pub(crate) average: Arrays,
}

impl Sgd {
    /// Creates an optimiser whose velocities are zero.
    pub fn new(config: &TrainingConfig) -> Self {
        Self {
            momentum: config.momentum as f32,
            weight_decay: config.weight_decay as f32,
            clip_norm: config.clip_norm.map(|norm| norm as f32),
            average_decay: config.average_decay,
            steps: 0,
            state: OptimizerState::default(),
        }
    }

    /// Restores the state after `steps` steps.
    pub(crate) fn resume(&mut self, steps: u64, state: OptimizerState) {
        self.steps = steps;
        self.state = state;
    }

    /// Starts the next step and returns its coefficients.
    pub(crate) fn next_descent(&mut self, rate: f64) -> Descent {
        self.steps += 1;
        Descent {
            rate: rate as f32,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            average: self
                .average_decay
                .map(|decay| average_weight(decay, self.steps)),
        }
    }

    /// Whether the optimiser keeps an average.
    pub(crate) fn averages(&self) -> bool {
        self.average_decay.is_some()
    }

    pub(crate) fn state(&self) -> &OptimizerState {
        &self.state
    }

    pub(crate) fn state_mut(&mut self) -> &mut OptimizerState {
        &mut self.state
    }
}

/// Returns the weight (1 - d) / (1 - d^t) of step t, counted from 1, in the average with decay d.
fn average_weight(decay: f64, step: u64) -> f32 {
    // Computing 1 - d^t directly would lose precision for d near 1.
    let weights = -(step as f64 * decay.ln()).exp_m1();
    ((1.0 - decay) / weights).min(1.0) as f32
}

/// The coefficients of a step of gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Descent {
    pub(crate) rate: f32,
    pub(crate) momentum: f32,
    pub(crate) weight_decay: f32,
    /// The maximum norm of all gradients together.
    pub(crate) clip_norm: Option<f32>,
    /// The weight of the new values in the average.
    pub(crate) average: Option<f32>,
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    /// The average is a mean of the steps so far: the weights add up to 1, and each is d times that
    /// of the next step.
    #[test]
    fn the_average_weighs_steps_as_documented() {
        for decay in [0.5, 0.9, 0.999, 1.0 - 1e-9] {
            let mut weights: Vec<f64> = Vec::new();
            for step in 1..=50 {
                let own = f64::from(average_weight(decay, step));
                weights.iter_mut().for_each(|weight| *weight *= 1.0 - own);
                weights.push(own);
            }
            let sum: f64 = (0..50).map(|age| decay.powi(age)).sum();
            for (weight, age) in weights.iter().rev().zip(0..) {
                // Each weight has one f32 rounding for each of up to fifty steps.
                let expected = decay.powi(age) / sum;
                assert_relative_eq!(*weight, expected, max_relative = 50.0 * 6e-8);
            }
        }
        assert_eq!(average_weight(0.999, 1), 1.0);
        assert_eq!(average_weight(0.75, u64::MAX), 0.25);
    }
}
