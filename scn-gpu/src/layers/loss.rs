//! Softmax cross-entropy, averaged over the N images of a batch:
//!
//! ```text
//! loss = 1/N sum_i ( log sum_k exp z_ki - z_(label i) i ),     dloss/dz_ki = (softmax(z_i)_k - [k = label i]) / N
//! ```

use crate::error::GpuError;
use crate::kernels::loss::SoftmaxCrossEntropy;
use crate::labels::LabelsView;
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::report::{PendingLoss, Reports};
use crate::sizes::int;

/// Reports loss and errors of logits (classes × images, row by row), and writes dloss/dz. The
/// images may be a part of a batch of `batch_images`: then the losses and gradients of all parts
/// add up to those of the batch.
///
/// # Errors
/// Lengths that do not fit together, or no room for the report.
pub fn softmax_cross_entropy(
    logits: &Buffer<f32>,
    labels: LabelsView<'_>,
    batch_images: usize,
    gradient: &mut Buffer<f32>,
    reports: &mut Reports,
) -> Result<PendingLoss, GpuError> {
    let (slot, report) = reports.next()?;
    let loss = SoftmaxCrossEntropy {
        logits: logits.view(),
        labels: labels.places(),
        classes: int("the number of classes", labels.classes())?,
        images: int("the number of images", labels.len())?,
        batch_images: int("the number of images of a batch", batch_images)?,
        gradient: gradient.view_mut(),
        report,
    };
    launch(logits.context(), &loss)?;
    Ok(PendingLoss { slot })
}
