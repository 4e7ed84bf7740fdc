//! The layers between the codes and the loss.

use crate::GpuError;
use crate::buffer::{View, ViewMut, expect_len};
use crate::launch::{Grid, Kernel, kernels};
use crate::report::SLOT_WORDS;
use crate::windows::size;

/// Threads of a block.
pub(super) const THREADS: u32 = 256;

/// Warps of a block.
pub(super) const WARPS: usize = THREADS as usize / 32;

kernels! {
    /// Mean and variance of each channel.
    BatchMoments = "batch_moments" in BatchNorm {
        x: View<'a, f32>,
        positions: i32,
        mean: ViewMut<'a, f32>,
        variance: ViewMut<'a, f32>,
    }

    /// `(x - μ) / sqrt(σ² + ε)`.
    Normalize = "normalize" in BatchNorm {
        x: View<'a, f32>,
        mean: View<'a, f32>,
        variance: View<'a, f32>,
        epsilon: f32,
        channels: i32,
        positions: i32,
        y: ViewMut<'a, f32>,
    }

    /// Through μ and σ² too.
    BatchNormBackward = "batch_norm_backward" in BatchNorm {
        y: View<'a, f32>,
        variance: View<'a, f32>,
        epsilon: f32,
        dy: View<'a, f32>,
        positions: i32,
        dx: ViewMut<'a, f32>,
    }

    /// Moves the running moments towards those of a batch.
    BlendMoments = "blend_moments" in BatchNorm {
        running_mean: ViewMut<'a, f32>,
        running_variance: ViewMut<'a, f32>,
        mean: View<'a, f32>,
        variance: View<'a, f32>,
        rate: f32,
        channels: i32,
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

    /// Adds `dz x'` and `sum dz`.
    ClassifierWeightGradient = "classifier_weight_gradient" in Classifier {
        x: View<'a, f32>,
        dlogits: View<'a, f32>,
        classes: i32,
        features: i32,
        images: i32,
        weight_gradient: ViewMut<'a, f32>,
        bias_gradient: ViewMut<'a, f32>,
    }

    /// `W'dz`.
    ClassifierInputGradient = "classifier_input_gradient" in Classifier {
        weight: View<'a, f32>,
        dlogits: View<'a, f32>,
        classes: i32,
        features: i32,
        images: i32,
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
fn per_item(items: usize) -> Result<Option<Grid>, GpuError> {
    Grid::covering(items, THREADS as usize, THREADS)
}

impl Kernel for BatchMoments<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let channels = self.mean.len();
        expect_len("the map", channels * size(self.positions), self.x.len())?;
        expect_len("the variances", channels, self.variance.len())?;
        Grid::new([channels, 1, 1], THREADS)
    }
}

impl Kernel for Normalize<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let channels = size(self.channels);
        let count = channels * size(self.positions);
        expect_len("the map", count, self.x.len())?;
        expect_len("the means", channels, self.mean.len())?;
        expect_len("the variances", channels, self.variance.len())?;
        expect_len("the normalised map", count, self.y.len())?;
        per_item(count)
    }
}

impl Kernel for BatchNormBackward<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let channels = self.variance.len();
        let count = channels * size(self.positions);
        expect_len("the normalised map", count, self.y.len())?;
        expect_len("dLoss/dy", count, self.dy.len())?;
        expect_len("dLoss/dx", count, self.dx.len())?;
        Grid::new([channels, 1, 1], THREADS)
    }
}

impl Kernel for BlendMoments<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let channels = size(self.channels);
        expect_len("the running means", channels, self.running_mean.len())?;
        let variances = self.running_variance.len();
        expect_len("the running variances", channels, variances)?;
        expect_len("the means", channels, self.mean.len())?;
        expect_len("the variances", channels, self.variance.len())?;
        per_item(channels)
    }
}

impl Kernel for AveragePooling<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let planes = size(self.planes);
        expect_len("the map", planes * size(self.plane), self.x.len())?;
        expect_len("the means", planes, self.y.len())?;
        Grid::covering(planes, WARPS, THREADS)
    }
}

impl Kernel for SpreadPooling<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let planes = size(self.planes);
        let count = planes * size(self.plane);
        expect_len("dLoss/dy", planes, self.dy.len())?;
        expect_len("dLoss/dx", count, self.dx.len())?;
        per_item(count)
    }
}

impl Kernel for ClassifierForward<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (classes, images) = (size(self.classes), size(self.images));
        let features = size(self.features);
        expect_len("the weights", classes * features, self.weight.len())?;
        expect_len("the biases", classes, self.bias.len())?;
        expect_len("the features", features * images, self.x.len())?;
        expect_len("the logits", classes * images, self.logits.len())?;
        per_item(classes * images)
    }
}

impl Kernel for ClassifierWeightGradient<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (classes, images) = (size(self.classes), size(self.images));
        let features = size(self.features);
        expect_len("the features", features * images, self.x.len())?;
        expect_len("dLoss/dlogits", classes * images, self.dlogits.len())?;
        let weights = classes * features;
        expect_len("dLoss/dweights", weights, self.weight_gradient.len())?;
        expect_len("dLoss/dbiases", classes, self.bias_gradient.len())?;
        // One warp per weight and per bias.
        Grid::covering(weights + classes, WARPS, THREADS)
    }
}

impl Kernel for ClassifierInputGradient<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (classes, images) = (size(self.classes), size(self.images));
        let features = size(self.features);
        expect_len("the weights", classes * features, self.weight.len())?;
        expect_len("dLoss/dlogits", classes * images, self.dlogits.len())?;
        expect_len("dLoss/dx", features * images, self.dx.len())?;
        per_item(features * images)
    }
}

impl Kernel for SoftmaxCrossEntropy<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (classes, images) = (size(self.classes), size(self.images));
        expect_len("the logits", classes * images, self.logits.len())?;
        expect_len("the labels", images, self.labels.len())?;
        expect_len("dLoss/dlogits", classes * images, self.gradient.len())?;
        expect_len("the report", SLOT_WORDS, self.report.len())?;
        Grid::new([usize::from(images > 0), 1, 1], THREADS)
    }
}
