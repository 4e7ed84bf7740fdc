//! Batch normalisation without learned scale and shift: `y = (x - μ) / sqrt(σ² + ε)` per channel, over all positions of all images.

use crate::launch::launch;
use crate::launch::layers::{BatchMoments, BatchNormBackward, BlendMoments, Normalize};
use crate::windows::int;
use crate::{Buffer, Context, GpuError};

/// Mean and (biased) variance of each channel.
#[derive(Debug)]
pub struct Moments {
    /// μ
    pub mean: Buffer<f32>,
    /// σ²
    pub variance: Buffer<f32>,
}

impl Moments {
    /// All zeros.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`].
    pub fn zeros(context: &Context, channels: usize) -> Result<Self, GpuError> {
        Ok(Self {
            mean: context.zeros(channels)?,
            variance: context.zeros(channels)?,
        })
    }

    /// Those of a map with as many channels as there are means; as they are if it is empty.
    ///
    /// # Errors
    /// A map of another length than a multiple of the channels.
    pub fn measure(&mut self, x: &Buffer<f32>) -> Result<(), GpuError> {
        let positions = positions(x, self.mean.len())?;
        if positions == 0 {
            return Ok(());
        }
        let moments = BatchMoments {
            x: x.view(),
            positions,
            mean: self.mean.view_mut(),
            variance: self.variance.view_mut(),
        };
        launch(x.context(), &moments)
    }

    /// `(x - μ) / sqrt(σ² + ε)`
    ///
    /// # Errors
    /// Maps of other lengths.
    pub fn normalize(
        &self,
        x: &Buffer<f32>,
        epsilon: f32,
        y: &mut Buffer<f32>,
    ) -> Result<(), GpuError> {
        let normalize = Normalize {
            x: x.view(),
            mean: self.mean.view(),
            variance: self.variance.view(),
            epsilon,
            channels: int("the number of channels", self.mean.len())?,
            positions: positions(x, self.mean.len())?,
            y: y.view_mut(),
        };
        launch(x.context(), &normalize)
    }

    /// dLoss/dx from dLoss/dy, given y and that these moments are those of the batch that made it.
    ///
    /// # Errors
    /// Maps of other lengths.
    pub fn backward(
        &self,
        y: &Buffer<f32>,
        epsilon: f32,
        dy: &Buffer<f32>,
        dx: &mut Buffer<f32>,
    ) -> Result<(), GpuError> {
        let backward = BatchNormBackward {
            y: y.view(),
            variance: self.variance.view(),
            epsilon,
            dy: dy.view(),
            positions: positions(y, self.variance.len())?,
            dx: dx.view_mut(),
        };
        launch(y.context(), &backward)
    }

    /// Moves these moments towards those of a batch: `running += rate (batch - running)`.
    ///
    /// # Errors
    /// Moments of another number of channels.
    pub fn blend(&mut self, batch: &Moments, rate: f32) -> Result<(), GpuError> {
        let context = batch.mean.context();
        let blend = BlendMoments {
            channels: int("the number of channels", batch.mean.len())?,
            running_mean: self.mean.view_mut(),
            running_variance: self.variance.view_mut(),
            mean: batch.mean.view(),
            variance: batch.variance.view(),
            rate,
        };
        launch(context, &blend)
    }
}

/// Numbers per channel; the kernel's check refuses a map that they do not fill.
fn positions(map: &Buffer<f32>, channels: usize) -> Result<i32, GpuError> {
    int("the positions of a channel", map.len() / channels.max(1))
}
