//! Optimiser steps on a network.

use super::Network;
use crate::error::NetError;
use crate::optimizer::Sgd;

impl Sgd {
    /// Takes one step with the gradients that the network holds, and refreshes the network.
    ///
    /// # Errors
    /// Returns an error if a parameter is no longer finite or the device fails.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Network, Sgd, Shape, Tensor, TrainingConfig, presets};
    ///
    /// let mut training = TrainingConfig::new(1);
    /// (training.momentum, training.weight_decay) = (0.0, 0.0);
    /// let mut sgd = Sgd::new(&training);
    ///
    /// let mut network = Network::new(&presets::get("digits")?.network, 0)?;
    /// let images = Tensor::zeros(Shape { channels: 1, images: 2, height: 8, width: 8 });
    /// network.loss_and_gradients(images, &[3, 5])?;
    /// sgd.step(&mut network, 0.5)?;
    ///
    /// // The biases were zero.
    /// let bias = network.param("classifier.bias")?.ok_or("no bias")?;
    /// let expected: Vec<f32> = bias.grad.iter().map(|gradient| -0.5 * gradient).collect();
    /// assert_eq!(bias.value, expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn step(&mut self, network: &mut Network, rate: f64) -> Result<(), NetError> {
        let descent = self.next_descent(rate);
        let Network {
            steps, executor, ..
        } = network;
        executor.descend(steps, descent, self.state_mut())
    }

    /// Runs `work` on the network with its arrays averaged over the steps so far, and then restores
    /// its own arrays. Returns None before the first step, or without an average
    /// ([`TrainingConfig::average_decay`](crate::TrainingConfig::average_decay)).
    ///
    /// # Errors
    /// Returns an error if the device fails or an averaged parameter is not finite.
    pub fn with_average<R>(
        &mut self,
        network: &mut Network,
        work: impl FnOnce(&mut Network) -> R,
    ) -> Result<Option<R>, NetError> {
        if !self.averages() {
            return Ok(None);
        }
        self.fetch(network)?;
        let average = &self.state().average;
        if average.is_empty() {
            return Ok(None);
        }
        network.with_values(average, work).map(Some)
    }

    /// Fetches the optimiser's state from the device of the network.
    pub(crate) fn fetch(&mut self, network: &Network) -> Result<(), NetError> {
        network.executor.fetch_state(self.state_mut())
    }
}
