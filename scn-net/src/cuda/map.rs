//! Activations of a batch on a device.

use scn_gpu::{Buffer, Context};

use crate::error::NetError;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Activations of a batch on the device, laid out as a [`Tensor`].
#[derive(Debug)]
pub(super) struct Map {
    pub(super) shape: Shape,
    pub(super) data: Buffer<f32>,
}

impl Map {
    /// Numbers of any value, which are all to be written before they are read.
    pub(super) fn unspecified(context: &Context, shape: Shape) -> Result<Self, NetError> {
        let data = context.unspecified(shape.len())?;
        Ok(Self { shape, data })
    }

    pub(super) fn upload(context: &Context, tensor: &Tensor) -> Result<Self, NetError> {
        let (shape, data) = (tensor.shape(), context.upload(tensor.data())?);
        Ok(Self { shape, data })
    }

    pub(super) fn download(&self) -> Result<Tensor, NetError> {
        Tensor::new(self.shape, self.data.download()?)
    }
}
