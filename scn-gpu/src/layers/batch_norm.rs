//! Batch normalisation without learned scale and shift: `y = (x - μ) / sqrt(σ² + ε)` per channel, over all positions of a group of
//! neighbouring images, which may be the whole batch.
//!
//! The moments of a group lie in a row of a matrix, each channel's mean and then each channel's (biased) variance. Rows of several
//! normalisations may be parts of longer ones: so the running moments of all of them move at once.

use crate::buffer::{View, ViewMut};
use crate::launch::launch;
use crate::launch::layers::{
    BatchNormBackward, BatchNormSums, BlendMoments, MomentSums, Normalize, NormalizeBatch, THREADS,
};
use crate::windows::int;
use crate::{Buffer, GpuError};

/// How a map's images are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// Images of the map.
    pub images: usize,
    /// Pixels of an image.
    pub plane: usize,
    /// Images of a group; the last may have fewer.
    pub group: usize,
}

/// As kernels take them.
struct Runs {
    images: i32,
    plane: i32,
    group_images: i32,
    /// Entries of a part of a run, and parts of a run.
    part: i32,
    parts: i32,
    /// Numbers that all parts of a map leave.
    partial: usize,
}

impl Groups {
    /// The whole map as one group.
    pub fn one(images: usize, plane: usize) -> Self {
        Self {
            images,
            plane,
            group: images,
        }
    }

    /// Number of groups.
    pub fn count(self) -> usize {
        self.images.div_ceil(self.group.max(1))
    }

    /// Cuts the runs of a map into parts: enough for a large device, few enough to be added up quickly, and no dependence on the device.
    fn runs(self, map: &Buffer<f32>) -> Result<Runs, GpuError> {
        /// Entries that are worth a block.
        const LEAST: usize = 2048;
        const MOST_PARTS: usize = 128;
        let group = self.group.clamp(1, self.images.max(1));
        let area = self.images.saturating_mul(self.plane);
        int("the positions of a channel", area)?;
        let run = group * self.plane;
        let part = run
            .div_ceil(MOST_PARTS)
            .next_multiple_of(THREADS as usize)
            .max(LEAST);
        let parts = run.div_ceil(part);
        let channels = map.len() / area.max(1);
        Ok(Runs {
            images: int("the number of images", self.images)?,
            plane: int("the pixels of an image", self.plane)?,
            group_images: int("the images of a group", group)?,
            part: int("the part of a run", part)?,
            parts: int("the parts of a run", parts)?,
            partial: 2 * channels * self.count() * parts,
        })
    }
}

/// Normalises each group by its own moments, and writes these down: row g of `moments` begins `g stride` after its first number.
///
/// # Errors
/// Maps of other lengths than whole channels of these images, or no room for the moments.
pub fn forward(
    x: &Buffer<f32>,
    groups: Groups,
    epsilon: f32,
    moments: ViewMut<'_, f32>,
    stride: usize,
    y: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let runs = groups.runs(x)?;
    let mut partial = x.context().unspecified(runs.partial)?;
    let sums = MomentSums {
        x: x.view(),
        images: runs.images,
        plane: runs.plane,
        group_images: runs.group_images,
        part: runs.part,
        partial: partial.view_mut(),
    };
    launch(x.context(), &sums)?;
    let normalize = NormalizeBatch {
        x: x.view(),
        partial: partial.view(),
        parts: runs.parts,
        images: runs.images,
        plane: runs.plane,
        group_images: runs.group_images,
        part: runs.part,
        epsilon,
        stride: int("the distance of moments", stride)?,
        moments,
        y: y.view_mut(),
    };
    launch(x.context(), &normalize)
}

/// dLoss/dx from dLoss/dy, given y and the moments that [`forward`] has written.
///
/// # Errors
/// Maps of other lengths than whole channels of these images, or too few moments.
pub fn backward(
    y: &Buffer<f32>,
    groups: Groups,
    epsilon: f32,
    moments: View<'_, f32>,
    stride: usize,
    dy: &Buffer<f32>,
    dx: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let runs = groups.runs(y)?;
    let mut partial = y.context().unspecified(runs.partial)?;
    let sums = BatchNormSums {
        y: y.view(),
        dy: dy.view(),
        images: runs.images,
        plane: runs.plane,
        group_images: runs.group_images,
        part: runs.part,
        partial: partial.view_mut(),
    };
    launch(y.context(), &sums)?;
    let backward = BatchNormBackward {
        y: y.view(),
        dy: dy.view(),
        partial: partial.view(),
        parts: runs.parts,
        images: runs.images,
        plane: runs.plane,
        group_images: runs.group_images,
        part: runs.part,
        epsilon,
        stride: int("the distance of moments", stride)?,
        moments,
        dx: dx.view_mut(),
    };
    launch(y.context(), &backward)
}

/// Normalises by given moments, a mean and a variance per channel.
///
/// # Errors
/// Maps of other lengths than a multiple of the channels.
pub fn normalize(
    x: &Buffer<f32>,
    mean: View<'_, f32>,
    variance: View<'_, f32>,
    epsilon: f32,
    y: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let normalize = Normalize {
        positions: int("the positions of a channel", x.len() / mean.len().max(1))?,
        x: x.view(),
        mean,
        variance,
        epsilon,
        y: y.view_mut(),
    };
    launch(x.context(), &normalize)
}

/// Moves running moments towards the weighted mean of the rows of `moments`, one for each weight: `running += rate (mean - running)`. A row
/// of weight 0 may hold anything.
///
/// # Errors
/// Another number of moments than weights times running moments.
pub fn blend(
    moments: View<'_, f32>,
    weights: View<'_, f32>,
    rate: f32,
    running: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let context = running.context().clone();
    let blend = BlendMoments {
        moments,
        groups: int("the number of groups", weights.len())?,
        weights,
        count: int("the number of moments", running.len())?,
        rate,
        running: running.view_mut(),
    };
    launch(&context, &blend)
}
