//! Stochastic gradient descent with momentum.

use std::collections::BTreeMap;

use crate::NetError;
use crate::config::TrainingConfig;
use crate::network::Network;
use crate::param::Role;
use crate::replica::Descent;

/// Stochastic gradient descent with momentum and weight decay, on the gradient of the mean loss of a batch:
///
/// ```text
/// v <- momentum v - rate (decay w + dLoss/dw),     w <- w + v,     λ1 <- max(λ1, 0)
/// ```
/// <!-- math:
/// v \leftarrow \mathrm{momentum}\; v - \mathrm{rate} \Bigl( \mathrm{decay}\; w + \frac{\partial\, \mathrm{Loss}}{\partial w} \Bigr),
/// \qquad w \leftarrow w + v, \qquad \lambda_1 \leftarrow \max(\lambda_1, 0)
/// -->
///
/// Decay acts on dictionaries, λ1 and the classifier, as in the [authors' program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks),
/// and on scales and shifts of batch normalisation.
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

    /// One step with the gradients that the network holds; refreshes the network.
    ///
    /// # Errors
    /// A parameter that is no longer finite.
    pub fn step(&mut self, network: &mut Network, rate: f64) -> Result<(), NetError> {
        let descent = self.descent(rate);
        let Self {
            momentum,
            weight_decay,
            velocity,
        } = self;
        if let Some(replica) = network.replica_mut() {
            return replica.descend(descent, velocity);
        }
        network.visit_params_mut(&mut |name, param| {
            let Role::Learned {
                rate: factor,
                nonnegative,
            } = param.role
            else {
                return;
            };
            let velocity = velocity
                .entry(name.to_string())
                .or_insert_with(|| vec![0.0; param.value.len()]);
            let rate = rate as f32 * factor;
            for ((w, &gradient), v) in param.value.iter_mut().zip(&param.grad).zip(velocity) {
                *v = *momentum * *v - rate * (*weight_decay * *w + gradient);
                *w += *v;
                if nonnegative {
                    *w = w.max(0.0);
                }
            }
        });
        network.refresh()
    }

    /// The numbers of a step.
    pub(crate) fn descent(&self, rate: f64) -> Descent {
        Descent {
            rate: rate as f32,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
        }
    }

    /// Brings v from the device that the network computes on.
    pub(crate) fn fetch(&mut self, network: &Network) -> Result<(), NetError> {
        if let Some(replica) = network.replica() {
            // Nothing is there before the first step.
            self.velocity.append(&mut replica.velocity()?);
        }
        Ok(())
    }

    /// v by parameter name.
    pub(crate) fn velocity(&self) -> &BTreeMap<String, Vec<f32>> {
        &self.velocity
    }

    pub(crate) fn set_velocity(&mut self, velocity: BTreeMap<String, Vec<f32>>) {
        self.velocity = velocity;
    }
}
