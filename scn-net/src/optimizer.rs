//! Stochastic gradient descent with momentum.

use std::collections::BTreeMap;

use crate::config::TrainingConfig;

/// Numbers by the names of the parameters that they belong to.
pub(crate) type Arrays = BTreeMap<String, Vec<f32>>;

/// Stochastic gradient descent with momentum and weight decay, on the gradient of the mean loss of
/// a batch:
///
/// ```text
/// g <- dLoss/dw min(1, clip / |dLoss/dw|),     v <- momentum v - rate (decay w + g),
/// w <- w + v,     λ1 <- max(λ1, 0)
/// ```
/// <!-- math:
/// g \leftarrow \frac{\partial\, \mathrm{Loss}}{\partial w} \min\Bigl(1, \mathrm{clip} \Bigm/ \Bigl\lVert \frac{\partial\, \mathrm{Loss}}{\partial w} \Bigr\rVert \Bigr),
/// \qquad v \leftarrow \mathrm{momentum}\; v - \mathrm{rate} (\mathrm{decay}\; w + g),
/// \qquad w \leftarrow w + v, \qquad \lambda_1 \leftarrow \max(\lambda_1, 0)
/// -->
///
/// The norm is that of the gradients of all parameters together, without [those that stay as they
/// are](crate::Role::Fixed); clip is [`TrainingConfig::clip_norm`], without which gradients are not
/// clipped. Decay acts on dictionaries, λ1 and the classifier, as in the [authors'
/// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks), and on scales
/// and shifts of batch normalisation.
///
/// With [`TrainingConfig::average_decay`] d it also keeps an average of all arrays a of the network,
/// moments of the data included, over the t steps so far, with weights that fall by d from each
/// step to the one before:
///
/// ```text
/// average <- average + (1 - d) / (1 - d^t) (a - average)
/// ```
/// <!-- math: \bar a \leftarrow \bar a + \frac{1 - d}{1 - d^t} (a - \bar a) -->
///
/// This is the average that starts from zero as (1 - d) of the first step, corrected for this start
/// by 1 / (1 - d^t).
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd {
    momentum: f32,
    weight_decay: f32,
    clip_norm: Option<f32>,
    average_decay: Option<f64>,
    /// Steps so far.
    steps: u64,
    state: OptimizerState,
}

/// What an optimiser remembers of the steps before.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OptimizerState {
    /// v of each learned parameter; absent before the first step.
    pub(crate) velocity: Arrays,
    /// The average of each array; absent before the first step, and where none is kept.
    pub(crate) average: Arrays,
}

impl Sgd {
    /// At rest.
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

    /// As it was after so many steps.
    pub(crate) fn resume(&mut self, steps: u64, state: OptimizerState) {
        self.steps = steps;
        self.state = state;
    }

    /// The numbers of the next step.
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

    /// Whether it keeps an average.
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

/// The weight (1 - d) / (1 - d^t) of step t, from 1, in the average with decay d.
fn average_weight(decay: f64, step: u64) -> f32 {
    // Not 1 - d^t, of which little is left for a d near 1.
    let weights = -(step as f64 * decay.ln()).exp_m1();
    ((1.0 - decay) / weights).min(1.0) as f32
}

/// The numbers of a step of gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Descent {
    pub(crate) rate: f32,
    pub(crate) momentum: f32,
    pub(crate) weight_decay: f32,
    /// The largest norm of all gradients together.
    pub(crate) clip_norm: Option<f32>,
    /// The weight of the new values in their average.
    pub(crate) average: Option<f32>,
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    /// A mean of the steps so far whose weights, times d from each to the one before, add up to 1.
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
                // Each of the fifty weights has the rounding of one f32 of each later step.
                let expected = decay.powi(age) / sum;
                assert_relative_eq!(*weight, expected, max_relative = 50.0 * 6e-8);
            }
        }
        assert_eq!(average_weight(0.999, 1), 1.0);
        assert_eq!(average_weight(0.75, u64::MAX), 0.25);
    }
}
