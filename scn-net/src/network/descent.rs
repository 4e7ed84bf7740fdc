//! The optimiser and the network that it moves.

use super::Network;
use crate::error::NetError;
use crate::optimizer::Sgd;

impl Sgd {
    /// One step with the gradients that the network holds; refreshes the network.
    ///
    /// # Errors
    /// A parameter that is no longer finite; a device that fails.
    pub fn step(&mut self, network: &mut Network, rate: f64) -> Result<(), NetError> {
        let descent = self.next_descent(rate);
        let Network {
            steps, executor, ..
        } = network;
        executor.descend(steps, descent, self.state_mut())
    }

    /// Lets `work` have the network with the average of its arrays over the steps so far, and gives
    /// it back its own. None without a step, or without an average
    /// ([`TrainingConfig::average_decay`](crate::TrainingConfig::average_decay)).
    ///
    /// # Errors
    /// A device that fails; an averaged parameter that is not finite.
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

    /// Brings the optimiser's state from the device that the network computes on.
    pub(crate) fn fetch(&mut self, network: &Network) -> Result<(), NetError> {
        network.executor.fetch_state(self.state_mut())
    }
}
