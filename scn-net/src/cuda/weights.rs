//! The numbers of a network on a device: parameters, problems and moments, each in buffers shared
//! by all layers.

use scn_gpu::update::Parameters;
use scn_gpu::{Buffer, Context, DeviceProblems};

use super::inventory::Inventory;
use crate::error::NetError;

/// The numbers of a network on a device.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) parameters: Parameters,
    pub(super) problems: DeviceProblems,
    /// The moments of the training data for inference, one normalisation after the other.
    pub(super) running: Buffer<f32>,
}

impl Weights {
    /// Allocates everything that the inventory counts.
    pub(super) fn new(context: &Context, inventory: &Inventory) -> Result<Self, NetError> {
        let parameters = Parameters::new(context, &inventory.parameters)?;
        Ok(Self {
            problems: DeviceProblems::new(context, &parameters, &inventory.problems)?,
            parameters,
            running: context.zeros(inventory.moments)?,
        })
    }
}
