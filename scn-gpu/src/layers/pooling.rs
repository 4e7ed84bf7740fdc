//! Average pooling over the whole plane of each channel of each image.

use crate::error::GpuError;
use crate::kernels::pooling::{AveragePooling, SpreadPooling};
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::sizes::int;

/// Computes the mean of each plane: one number per channel and image in `y`, from
/// `x.len() / y.len()` pixels each.
///
/// # Errors
/// Returns an error if the planes do not fill the map.
pub fn average(x: &Buffer<f32>, y: &mut Buffer<f32>) -> Result<(), GpuError> {
    let planes = y.len();
    let pooling = AveragePooling {
        x: x.view(),
        planes: int("the number of planes", planes)?,
        plane: int("the pixels of a plane", x.len() / planes.max(1))?,
        y: y.view_mut(),
    };
    launch(x.context(), &pooling)
}

/// Computes dLoss/dx from dLoss/dy.
///
/// # Errors
/// Returns an error if the planes do not fill the map.
pub fn average_backward(dy: &Buffer<f32>, dx: &mut Buffer<f32>) -> Result<(), GpuError> {
    let planes = dy.len();
    let pooling = SpreadPooling {
        dy: dy.view(),
        planes: int("the number of planes", planes)?,
        plane: int("the pixels of a plane", dx.len() / planes.max(1))?,
        dx: dx.view_mut(),
    };
    launch(dy.context(), &pooling)
}
