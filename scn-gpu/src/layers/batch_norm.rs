//! Batch normalisation per channel: `n = (x - μ) / sqrt(σ² + ε)` and `y = γ n + β`, with moments
//! over all positions of a group of neighbouring images, which may be the whole batch. Scale γ and
//! shift β are either learned or absent.
//!
//! The moments of a group are a row of a matrix: the means of all channels, followed by their
//! (biased) variances. Such rows may be parts of longer rows with the moments of several
//! normalisations, so that all running moments are updated at once.

use crate::error::GpuError;
use crate::kernels::batch_norm::{
    BatchNormBackward, BatchNormSums, BlendMoments, MomentSums, Normalize, NormalizeBatch,
};
use crate::kernels::elements::BLOCK_THREADS;
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::memory::view::{View, ViewMut};
use crate::sizes::int;

/// The division of a map's images into groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// Number of images of the map.
    pub images: usize,
    /// Number of pixels of an image.
    pub plane: usize,
    /// Number of groups, at most the number of images. Groups are as equal as possible: group g,
    /// counted from 0, begins at image `g images / count`, rounded down.
    pub count: usize,
}

/// Learned scale and shift, one number per channel each.
#[derive(Debug, Clone, Copy)]
pub struct Affine<'a> {
    /// Scale γ.
    pub scale: View<'a, f32>,
    /// Shift β.
    pub shift: View<'a, f32>,
}

/// The learned scale, and outputs for the gradients of scale and shift.
#[derive(Debug)]
pub struct AffineGradients<'a> {
    /// Scale γ.
    pub scale: View<'a, f32>,
    /// Receives `dLoss/dγ`.
    pub by_scale: ViewMut<'a, f32>,
    /// Receives `dLoss/dβ`.
    pub by_shift: ViewMut<'a, f32>,
}

/// The runs of a map in the form that kernels take.
struct Runs {
    images: i32,
    plane: i32,
    groups: i32,
    /// Entries per part of a run, and parts per run.
    part: i32,
    parts: i32,
    /// Number of sums over all parts of a map.
    partial: usize,
}

impl Groups {
    /// Treats the whole map as one group.
    pub fn one(images: usize, plane: usize) -> Self {
        Self {
            images,
            plane,
            count: images.min(1),
        }
    }

    /// Divides the runs of a map into parts: enough for a large device, and few enough to be summed
    /// quickly. The division does not depend on the device.
    fn runs(self, map: &Buffer<f32>) -> Result<Runs, GpuError> {
        /// Smallest number of entries per block.
        const LEAST: usize = 2048;
        const MOST_PARTS: usize = 128;
        let area = self.images.saturating_mul(self.plane);
        int("the positions of a channel", area)?;
        // Entries per run of the largest group.
        let run = self.images.div_ceil(self.count.max(1)) * self.plane;
        let part = run
            .div_ceil(MOST_PARTS)
            .next_multiple_of(BLOCK_THREADS as usize)
            .max(LEAST);
        let parts = run.div_ceil(part);
        let channels = map.len() / area.max(1);
        Ok(Runs {
            images: int("the number of images", self.images)?,
            plane: int("the pixels of an image", self.plane)?,
            groups: int("the number of groups", self.count)?,
            part: int("the part of a run", part)?,
            parts: int("the parts of a run", parts)?,
            partial: 2 * channels * self.count * parts,
        })
    }
}

/// Normalises each group by its own moments, and stores them: row g of `moments` begins at index
/// `g stride`.
///
/// # Errors
/// Returns an error if a map does not consist of whole channels of these images, if there is no
/// room for the moments, or if there is not one scale and shift per channel.
pub fn forward(
    x: &Buffer<f32>,
    groups: Groups,
    affine: Option<Affine<'_>>,
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
        groups: runs.groups,
        part: runs.part,
        partial: partial.view_mut(),
    };
    launch(x.context(), &sums)?;
    let nothing = x.range(0..0)?;
    let normalize = NormalizeBatch {
        x: x.view(),
        partial: partial.view(),
        parts: runs.parts,
        images: runs.images,
        plane: runs.plane,
        groups: runs.groups,
        part: runs.part,
        epsilon,
        affine: i32::from(affine.is_some()),
        scale: affine.map_or(nothing, |affine| affine.scale),
        shift: affine.map_or(nothing, |affine| affine.shift),
        stride: int("the distance of moments", stride)?,
        moments,
        y: y.view_mut(),
    };
    launch(x.context(), &normalize)
}

/// Computes dLoss/dx from dLoss/dy, given x and the moments that [`forward`] has stored, and the
/// gradients of a learned scale and shift.
///
/// # Errors
/// Returns an error if a map does not consist of whole channels of these images, if there are too
/// few moments, or if there is not one scale and shift per channel.
#[expect(clippy::too_many_arguments, reason = "a gradient needs them all")]
pub fn backward(
    x: &Buffer<f32>,
    groups: Groups,
    affine: Option<AffineGradients<'_>>,
    epsilon: f32,
    moments: View<'_, f32>,
    stride: usize,
    dy: &Buffer<f32>,
    dx: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let runs = groups.runs(x)?;
    let context = x.context();
    let stride = int("the distance of moments", stride)?;
    let mut partial = context.unspecified(runs.partial)?;
    let sums = BatchNormSums {
        x: x.view(),
        dy: dy.view(),
        images: runs.images,
        plane: runs.plane,
        groups: runs.groups,
        part: runs.part,
        epsilon,
        stride,
        moments,
        partial: partial.view_mut(),
    };
    launch(context, &sums)?;
    let mut nothing = context.unspecified(0)?;
    let is_learned = i32::from(affine.is_some());
    let affine = match affine {
        Some(affine) => affine,
        None => {
            let (by_scale, by_shift) = nothing.view_mut().split_at(0)?;
            AffineGradients {
                scale: x.range(0..0)?,
                by_scale,
                by_shift,
            }
        }
    };
    let backward = BatchNormBackward {
        x: x.view(),
        dy: dy.view(),
        partial: partial.view(),
        parts: runs.parts,
        images: runs.images,
        plane: runs.plane,
        groups: runs.groups,
        part: runs.part,
        epsilon,
        affine: is_learned,
        scale: affine.scale,
        stride,
        moments,
        scale_gradient: affine.by_scale,
        shift_gradient: affine.by_shift,
        dx: dx.view_mut(),
    };
    launch(context, &backward)
}

/// Normalises by given moments, a mean and a variance per channel.
///
/// # Errors
/// Returns an error if the length of a map is not a multiple of the number of channels, or if there
/// is not one scale and shift per channel.
pub fn normalize(
    x: &Buffer<f32>,
    mean: View<'_, f32>,
    variance: View<'_, f32>,
    affine: Option<Affine<'_>>,
    epsilon: f32,
    y: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let nothing = x.range(0..0)?;
    let normalize = Normalize {
        positions: int("the positions of a channel", x.len() / mean.len().max(1))?,
        x: x.view(),
        mean,
        variance,
        epsilon,
        affine: i32::from(affine.is_some()),
        scale: affine.map_or(nothing, |affine| affine.scale),
        shift: affine.map_or(nothing, |affine| affine.shift),
        y: y.view_mut(),
    };
    launch(x.context(), &normalize)
}

/// Moves running moments towards the weighted mean of the rows of `moments`, one for each weight:
/// `running += rate (mean - running)`. Rows of weight 0 may contain anything.
///
/// # Errors
/// Returns an error if the number of moments is not that of weights times that of running moments.
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
