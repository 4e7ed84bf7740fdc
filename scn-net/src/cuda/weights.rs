//! The numbers of a network on a device: parameters, problems and moments, each in buffers that all
//! layers share.

use scn_gpu::update::Parameters;
use scn_gpu::{Buffer, Context, DeviceProblems};

use super::inventory::Inventory;
use crate::error::NetError;

/// A network's numbers on a device.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) parameters: Parameters,
    pub(super) problems: DeviceProblems,
    /// Moments of the training data, for inference: those of one normalisation after the other.
    pub(super) running: Buffer<f32>,
}

impl Weights {
    /// Room for all that has been counted.
    pub(super) fn new(context: &Context, inventory: &Inventory) -> Result<Self, NetError> {
        let parameters = Parameters::new(context, &inventory.parameters)?;
        Ok(Self {
            problems: DeviceProblems::new(context, &parameters, &inventory.problems)?,
            parameters,
            running: context.zeros(inventory.moments)?,
        })
    }
}
