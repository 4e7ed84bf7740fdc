//! The layers between the codes and the loss.

use crate::ArgumentError;
use crate::buffer::{View, ViewMut, expect_len};
use crate::launch::{Grid, Kernel, kernels};
use crate::report::SLOT_WORDS;
use crate::windows::size;

/// Threads of a block.
pub(crate) const THREADS: u32 = 256;

/// Warps of a block.
pub(super) const WARPS: usize = THREADS as usize / 32;

/// Threads of the one block of the loss.
pub(super) const LOSS_THREADS: u32 = 512;

/// Entries of a map that a thread normalises.
pub(super) const AT_ONCE: usize = 4;

kernels! {
    /// Sums of `x - x_0` and its square over parts of each run.
    MomentSums = "moment_sums" in BatchNorm {
        x: View<'a, f32>,
        images: i32,
        plane: i32,
        groups: i32,
        part: i32,
        partial: ViewMut<'a, f64>,
    }

    /// `γ (x - μ) / sqrt(σ² + ε) + β` by the moments that these sums make, which are written down.
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

    /// Sums of `dy` and `n dy` over parts of each run, n being x normalised.
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

    /// Through μ and σ² too.
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

    /// `γ (x - μ) / sqrt(σ² + ε) + β` by given moments.
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

    /// Moves running moments towards the weighted mean of those of all groups.
    BlendMoments = "blend_moments" in BatchNorm {
        moments: View<'a, f32>,
        weights: View<'a, f32>,
        groups: i32,
        count: i32,
        rate: f32,
        running: ViewMut<'a, f32>,
    }

    /// The mean of each plane.
    AveragePooling = "average_pooling" in Pooling {
        x: View<'a, f32>,
        planes: i32,
        plane: i32,
        y: ViewMut<'a, f32>,
    }

    /// The transpose of the mean.
    SpreadPooling = "spread_pooling" in Pooling {
        dy: View<'a, f32>,
        planes: i32,
        plane: i32,
        dx: ViewMut<'a, f32>,
    }

    /// `W x + b`.
    ClassifierForward = "classifier_forward" in Classifier {
        weight: View<'a, f32>,
        bias: View<'a, f32>,
        x: View<'a, f32>,
        classes: i32,
        features: i32,
        images: i32,
        logits: ViewMut<'a, f32>,
    }

    /// `dz x'`, `sum dz` and `W'dz`.
    ClassifierBackward = "classifier_backward" in Classifier {
        weight: View<'a, f32>,
        x: View<'a, f32>,
        dlogits: View<'a, f32>,
        classes: i32,
        features: i32,
        images: i32,
        weight_blocks: i32,
        weight_gradient: ViewMut<'a, f32>,
        bias_gradient: ViewMut<'a, f32>,
        dx: ViewMut<'a, f32>,
    }

    /// Loss, errors and dloss/dz.
    SoftmaxCrossEntropy = "softmax_cross_entropy" in Loss {
        logits: View<'a, f32>,
        labels: View<'a, i32>,
        classes: i32,
        images: i32,
        batch_images: i32,
        gradient: ViewMut<'a, f32>,
        report: ViewMut<'a, u64>,
    }
}

/// One thread per item.
fn per_item(items: usize) -> Result<Option<Grid>, ArgumentError> {
    Grid::covering(items, THREADS as usize, THREADS)
}

/// How the runs of a map are cut into parts: one run for each channel of each group.
#[derive(Clone, Copy)]
struct Runs {
    channels: usize,
    groups: usize,
    parts: usize,
    entries: usize,
}

impl Runs {
    /// Of a map of so many entries; an error if they are no whole number of channels.
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
            // Of the largest group.
            parts: (images.div_ceil(groups.max(1)) * plane).div_ceil(part),
            entries,
        })
    }

    /// A number for each channel, or none.
    fn check_affine(
        &self,
        what: &'static str,
        affine: i32,
        found: usize,
    ) -> Result<(), ArgumentError> {
        check_affine(what, affine, self.channels, found)
    }

    fn check_partial(&self, found: usize) -> Result<(), ArgumentError> {
        let expected = 2 * self.channels * self.groups * self.parts;
        expect_len("the sums of parts", expected, found)
    }

    /// Mean and variance of each channel in each group, `stride` apart.
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

    fn check_parts(&self, found: i32) -> Result<(), ArgumentError> {
        expect_len("the parts of a run", self.parts, size(found))
    }

    /// A block for each part.
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        Grid::new([self.parts, self.groups, self.channels], THREADS)
    }
}

/// A number for each channel where there is a learned scale and shift, else none.
fn check_affine(
    what: &'static str,
    affine: i32,
    channels: usize,
    found: usize,
) -> Result<(), ArgumentError> {
    let expected = if affine == 0 { 0 } else { channels };
    expect_len(what, expected, found)
}

impl Kernel for MomentSums<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let runs = Runs::new(
            self.x.len(),
            self.images,
            self.plane,
            self.groups,
            self.part,
        )?;
        runs.check_partial(self.partial.len())?;
        runs.grid()
    }
}

impl Kernel for NormalizeBatch<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let runs = Runs::new(
            self.x.len(),
            self.images,
            self.plane,
            self.groups,
            self.part,
        )?;
        runs.check_partial(self.partial.len())?;
        runs.check_moments(self.stride, self.moments.len())?;
        expect_len("the normalised map", runs.entries, self.y.len())?;
        runs.check_affine("the scale", self.affine, self.scale.len())?;
        runs.check_affine("the shift", self.affine, self.shift.len())?;
        runs.check_parts(self.parts)?;
        runs.grid()
    }
}

impl Kernel for BatchNormSums<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let runs = Runs::new(
            self.x.len(),
            self.images,
            self.plane,
            self.groups,
            self.part,
        )?;
        expect_len("dLoss/dy", runs.entries, self.dy.len())?;
        runs.check_partial(self.partial.len())?;
        runs.check_moments(self.stride, self.moments.len())?;
        runs.grid()
    }
}

impl Kernel for BatchNormBackward<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let runs = Runs::new(
            self.x.len(),
            self.images,
            self.plane,
            self.groups,
            self.part,
        )?;
        expect_len("dLoss/dy", runs.entries, self.dy.len())?;
        runs.check_partial(self.partial.len())?;
        runs.check_moments(self.stride, self.moments.len())?;
        expect_len("dLoss/dx", runs.entries, self.dx.len())?;
        for (what, found) in [
            ("the scale", self.scale.len()),
            ("dLoss/dscale", self.scale_gradient.len()),
            ("dLoss/dshift", self.shift_gradient.len()),
        ] {
            runs.check_affine(what, self.affine, found)?;
        }
        runs.check_parts(self.parts)?;
        runs.grid()
    }
}

impl Kernel for Normalize<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (channels, positions) = (self.mean.len(), size(self.positions));
        expect_len("the map", channels * positions, self.x.len())?;
        expect_len("the variances", channels, self.variance.len())?;
        expect_len("the normalised map", self.x.len(), self.y.len())?;
        check_affine("the scale", self.affine, channels, self.scale.len())?;
        check_affine("the shift", self.affine, channels, self.shift.len())?;
        let blocks = positions.div_ceil(AT_ONCE * THREADS as usize);
        Grid::new([blocks, channels, 1], THREADS)
    }
}

impl Kernel for BlendMoments<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (groups, count) = (size(self.groups), size(self.count));
        expect_len("the moments", groups * count, self.moments.len())?;
        expect_len("the weights of groups", groups, self.weights.len())?;
        expect_len("the running moments", count, self.running.len())?;
        per_item(count)
    }
}

impl Kernel for AveragePooling<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let planes = size(self.planes);
        expect_len("the map", planes * size(self.plane), self.x.len())?;
        expect_len("the means", planes, self.y.len())?;
        Grid::covering(planes, WARPS, THREADS)
    }
}

impl Kernel for SpreadPooling<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let planes = size(self.planes);
        let count = planes * size(self.plane);
        expect_len("dLoss/dy", planes, self.dy.len())?;
        expect_len("dLoss/dx", count, self.dx.len())?;
        per_item(count)
    }
}

impl Kernel for ClassifierForward<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (classes, images) = (size(self.classes), size(self.images));
        let features = size(self.features);
        expect_len("the weights", classes * features, self.weight.len())?;
        expect_len("the biases", classes, self.bias.len())?;
        expect_len("the features", features * images, self.x.len())?;
        expect_len("the logits", classes * images, self.logits.len())?;
        per_item(classes * images)
    }
}

impl Kernel for ClassifierBackward<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (classes, images) = (size(self.classes), size(self.images));
        let features = size(self.features);
        let weights = classes * features;
        expect_len("the weights", weights, self.weight.len())?;
        expect_len("the features", features * images, self.x.len())?;
        expect_len("dLoss/dlogits", classes * images, self.dlogits.len())?;
        expect_len("dLoss/dweights", weights, self.weight_gradient.len())?;
        expect_len("dLoss/dbiases", classes, self.bias_gradient.len())?;
        expect_len("dLoss/dx", features * images, self.dx.len())?;
        // One warp per weight and per bias, then one thread per entry of dx.
        let weight_blocks = Self::weight_blocks(classes, features);
        expect_len(
            "the blocks for weights",
            weight_blocks,
            size(self.weight_blocks),
        )?;
        let blocks = weight_blocks + (features * images).div_ceil(THREADS as usize);
        Grid::new([blocks, 1, 1], THREADS)
    }
}

impl ClassifierBackward<'_> {
    /// Blocks that take the gradients of weights and biases.
    pub(crate) fn weight_blocks(classes: usize, features: usize) -> usize {
        (classes * (features + 1)).div_ceil(WARPS)
    }
}

impl Kernel for SoftmaxCrossEntropy<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (classes, images) = (size(self.classes), size(self.images));
        expect_len("the logits", classes * images, self.logits.len())?;
        expect_len("the labels", images, self.labels.len())?;
        expect_len("dLoss/dlogits", classes * images, self.gradient.len())?;
        expect_len("the report", SLOT_WORDS, self.report.len())?;
        Grid::new([usize::from(images > 0), 1, 1], LOSS_THREADS)
    }
}
