//! The classifier.

use crate::error::ArgumentError;
use crate::kernels::elements::{BLOCK_THREADS, BLOCK_WARPS, thread_per_item};
use crate::launch::{DeviceKernel, Grid, kernels};
use crate::memory::view::{View, ViewMut};
use crate::sizes::{expect_len, size};

kernels! {
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
}

impl DeviceKernel for ClassifierForward<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (classes, images) = (size(self.classes), size(self.images));
        let features = size(self.features);
        expect_len("the weights", classes * features, self.weight.len())?;
        expect_len("the biases", classes, self.bias.len())?;
        expect_len("the features", features * images, self.x.len())?;
        expect_len("the logits", classes * images, self.logits.len())?;
        thread_per_item(classes * images)
    }
}

impl DeviceKernel for ClassifierBackward<'_> {
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
        assert_eq!(
            size(self.weight_blocks),
            weight_blocks,
            "the blocks for weights"
        );
        let blocks = weight_blocks + (features * images).div_ceil(BLOCK_THREADS as usize);
        Grid::new([blocks, 1, 1], BLOCK_THREADS)
    }
}

impl ClassifierBackward<'_> {
    /// Number of blocks for the gradients of weights and biases.
    pub(crate) fn weight_blocks(classes: usize, features: usize) -> usize {
        (classes * (features + 1)).div_ceil(BLOCK_WARPS)
    }
}
