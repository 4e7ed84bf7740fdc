//! The activations of a batch on a device.

use scn_gpu::{Buffer, Context};

use crate::error::NetError;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The activations of a batch on a device, laid out like a [`Tensor`].
#[derive(Debug)]
pub(super) struct Map {
    pub(super) shape: Shape,
    pub(super) data: Buffer<f32>,
}

impl Map {
    /// Creates a map of unspecified numbers, which must be written before they are read.
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
