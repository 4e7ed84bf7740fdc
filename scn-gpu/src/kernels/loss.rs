//! Softmax cross-entropy.

use crate::error::ArgumentError;
use crate::launch::{DeviceKernel, Grid, kernels};
use crate::memory::view::{View, ViewMut};
use crate::report::SLOT_WORDS;
use crate::sizes::{expect_len, size};

/// Number of settings for mixing and smoothing labels.
pub(crate) const TARGET_SETTINGS: usize = 2;

/// Threads of the single block that computes the loss.
pub(super) const LOSS_THREADS: u32 = 512;

kernels! {
    /// Loss, errors and dloss/dz.
    SoftmaxCrossEntropy = "softmax_cross_entropy" in Loss {
        logits: View<'a, f32>,
        labels: View<'a, i32>,
        partner_labels: View<'a, i32>,
        settings: View<'a, f32>,
        classes: i32,
        images: i32,
        batch_images: i32,
        gradient: ViewMut<'a, f32>,
        report: ViewMut<'a, u64>,
    }
}

impl DeviceKernel for SoftmaxCrossEntropy<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (classes, images) = (size(self.classes), size(self.images));
        expect_len("the logits", classes * images, self.logits.len())?;
        expect_len("the labels", images, self.labels.len())?;
        expect_len("the labels of partners", images, self.partner_labels.len())?;
        assert_eq!(self.settings.len(), TARGET_SETTINGS, "the settings");
        expect_len("dLoss/dlogits", classes * images, self.gradient.len())?;
        assert_eq!(self.report.len(), SLOT_WORDS, "the report");
        Grid::new([usize::from(images > 0), 1, 1], LOSS_THREADS)
    }
}
