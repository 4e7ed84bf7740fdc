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
        let descent = self.descent(rate);
        let Network {
            steps, executor, ..
        } = network;
        executor.descend(steps, descent, self.velocity_mut())
    }

    /// Brings the momenta from the device that the network computes on.
    pub(crate) fn fetch(&mut self, network: &Network) -> Result<(), NetError> {
        network.executor.fetch_velocity(self.velocity_mut())
    }
}
