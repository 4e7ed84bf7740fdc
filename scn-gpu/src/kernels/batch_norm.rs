//! Batch normalisation.

use crate::error::ArgumentError;
use crate::kernels::elements::{BLOCK_THREADS, thread_per_item};
use crate::launch::{DeviceKernel, Grid, kernels};
use crate::memory::view::{View, ViewMut};
use crate::sizes::{expect_len, size};

/// Number of map entries that a thread normalises at once.
pub(super) const AT_ONCE: usize = 4;

kernels! {
    /// Sums of `x - x_0` and of its square over parts of each run, where x_0 is the first entry of
    /// the run.
    MomentSums = "moment_sums" in BatchNorm {
        x: View<'a, f32>,
        images: i32,
        plane: i32,
        groups: i32,
        part: i32,
        partial: ViewMut<'a, f64>,
    }

    /// `γ (x - μ) / sqrt(σ² + ε) + β`, with moments that are computed from these sums and stored.
    NormalizeBatch = "normalize_batch" in BatchNorm {
        x: View<'a, f32>,
        partial: View<'a, f64>,
        parts: i32,
        images: i32,
        plane: i32,
        groups: i32,
        part: i32,
        epsilon: f32,
        affine: i32,
        scale: View<'a, f32>,
        shift: View<'a, f32>,
        stride: i32,
        moments: ViewMut<'a, f32>,
        y: ViewMut<'a, f32>,
    }

    /// Sums of `dy` and `n dy` over parts of each run, where n is the normalised x.
    BatchNormSums = "batch_norm_sums" in BatchNorm {
        x: View<'a, f32>,
        dy: View<'a, f32>,
        images: i32,
        plane: i32,
        groups: i32,
        part: i32,
        epsilon: f32,
        stride: i32,
        moments: View<'a, f32>,
        partial: ViewMut<'a, f64>,
    }

    /// dLoss/dx, including the terms through μ and σ², and the gradients of scale and shift.
    BatchNormBackward = "batch_norm_backward" in BatchNorm {
        x: View<'a, f32>,
        dy: View<'a, f32>,
        partial: View<'a, f64>,
        parts: i32,
        images: i32,
        plane: i32,
        groups: i32,
        part: i32,
        epsilon: f32,
        affine: i32,
        scale: View<'a, f32>,
        stride: i32,
        moments: View<'a, f32>,
        scale_gradient: ViewMut<'a, f32>,
        shift_gradient: ViewMut<'a, f32>,
        dx: ViewMut<'a, f32>,
    }

    /// `γ (x - μ) / sqrt(σ² + ε) + β` with given moments.
    Normalize = "normalize" in BatchNorm {
        x: View<'a, f32>,
        mean: View<'a, f32>,
        variance: View<'a, f32>,
        epsilon: f32,
        affine: i32,
        scale: View<'a, f32>,
        shift: View<'a, f32>,
        positions: i32,
        y: ViewMut<'a, f32>,
    }

    /// Moves running moments towards the weighted mean of the moments of all groups.
    BlendMoments = "blend_moments" in BatchNorm {
        moments: View<'a, f32>,
        weights: View<'a, f32>,
        groups: i32,
        count: i32,
        rate: f32,
        running: ViewMut<'a, f32>,
    }
}

/// The runs of a map, one for each channel of each group, and their division into parts.
#[derive(Clone, Copy)]
struct Runs {
    channels: usize,
    groups: usize,
    parts: usize,
    entries: usize,
}

impl Runs {
    /// Divides a map of `entries` numbers into runs. Returns an error unless it consists of whole
    /// channels.
    fn new(
        entries: usize,
        images: i32,
        plane: i32,
        groups: i32,
        part: i32,
    ) -> Result<Self, ArgumentError> {
        let (images, plane) = (size(images), size(plane));
        let (groups, part) = (size(groups), size(part).max(1));
        let channels = entries / (images * plane).max(1);
        expect_len("the map", channels * images * plane, entries)?;
        if !(images.min(1)..=images).contains(&groups) {
            return Err(ArgumentError::Groups {
                images,
                found: groups,
            });
        }
        Ok(Self {
            channels,
            groups,
            // Number of parts of the largest group.
            parts: (images.div_ceil(groups.max(1)) * plane).div_ceil(part),
            entries,
        })
    }

    fn check_affine(
        &self,
        what: &'static str,
        affine: i32,
        found: usize,
    ) -> Result<(), ArgumentError> {
        check_affine(what, affine, self.channels, found)
    }

    fn assert_partial(&self, found: usize) {
        let expected = 2 * self.channels * self.groups * self.parts;
        assert_eq!(found, expected, "the sums of parts");
    }

    /// Checks the room for the means and variances of all channels in each group, with groups
    /// `stride` apart.
    fn check_moments(&self, stride: i32, found: usize) -> Result<(), ArgumentError> {
        let both = 2 * self.channels;
        let expected = self.groups.saturating_sub(1) * size(stride) + both;
        if size(stride) < both || found < expected {
            return Err(ArgumentError::Length {
                what: "the moments",
                expected,
                found: found.min(size(stride)),
            });
        }
        Ok(())
    }

    fn assert_parts(&self, found: i32) {
        assert_eq!(size(found), self.parts, "the parts of a run");
    }

    /// Returns a grid with a block for each part.
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        Grid::new([self.parts, self.groups, self.channels], BLOCK_THREADS)
    }
}

/// Checks that there is one number per channel if scale and shift are learned, and none otherwise.
fn check_affine(
    what: &'static str,
    affine: i32,
    channels: usize,
    found: usize,
) -> Result<(), ArgumentError> {
    let expected = if affine == 0 { 0 } else { channels };
    expect_len(what, expected, found)
}

impl DeviceKernel for MomentSums<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let runs = Runs::new(
            self.x.len(),
            self.images,
            self.plane,
            self.groups,
            self.part,
        )?;
        runs.assert_partial(self.partial.len());
        runs.grid()
    }
}

impl DeviceKernel for NormalizeBatch<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let runs = Runs::new(
            self.x.len(),
            self.images,
            self.plane,
            self.groups,
            self.part,
        )?;
        runs.assert_partial(self.partial.len());
        runs.check_moments(self.stride, self.moments.len())?;
        expect_len("the normalised map", runs.entries, self.y.len())?;
        runs.check_affine("the scale", self.affine, self.scale.len())?;
        runs.check_affine("the shift", self.affine, self.shift.len())?;
        runs.assert_parts(self.parts);
        runs.grid()
    }
}

impl DeviceKernel for BatchNormSums<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let runs = Runs::new(
            self.x.len(),
            self.images,
            self.plane,
            self.groups,
            self.part,
        )?;
        expect_len("dLoss/dy", runs.entries, self.dy.len())?;
        runs.assert_partial(self.partial.len());
        runs.check_moments(self.stride, self.moments.len())?;
        runs.grid()
    }
}

impl DeviceKernel for BatchNormBackward<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let runs = Runs::new(
            self.x.len(),
            self.images,
            self.plane,
            self.groups,
            self.part,
        )?;
        expect_len("dLoss/dy", runs.entries, self.dy.len())?;
        runs.assert_partial(self.partial.len());
        runs.check_moments(self.stride, self.moments.len())?;
        expect_len("dLoss/dx", runs.entries, self.dx.len())?;
        for (what, found) in [
            ("the scale", self.scale.len()),
            ("dLoss/dscale", self.scale_gradient.len()),
            ("dLoss/dshift", self.shift_gradient.len()),
        ] {
            runs.check_affine(what, self.affine, found)?;
        }
        runs.assert_parts(self.parts);
        runs.grid()
    }
}

impl DeviceKernel for Normalize<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (channels, positions) = (self.mean.len(), size(self.positions));
        expect_len("the map", channels * positions, self.x.len())?;
        expect_len("the variances", channels, self.variance.len())?;
        expect_len("the normalised map", self.x.len(), self.y.len())?;
        check_affine("the scale", self.affine, channels, self.scale.len())?;
        check_affine("the shift", self.affine, channels, self.shift.len())?;
        let blocks = positions.div_ceil(AT_ONCE * BLOCK_THREADS as usize);
        Grid::new([blocks, channels, 1], BLOCK_THREADS)
    }
}

impl DeviceKernel for BlendMoments<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (groups, count) = (size(self.groups), size(self.count));
        expect_len("the moments", groups * count, self.moments.len())?;
        expect_len("the weights of groups", groups, self.weights.len())?;
        expect_len("the running moments", count, self.running.len())?;
        thread_per_item(count)
    }
}
