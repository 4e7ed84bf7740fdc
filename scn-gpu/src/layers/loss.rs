//! Softmax cross-entropy with targets t, averaged over the N images of a batch:
//!
//! ```text
//! loss = 1/N sum_i sum_k t_ki ( log sum_j exp z_ji - z_ki )
//! dloss/dz_ki = (softmax(z_i)_k - t_ki) / N
//! ```

use crate::error::GpuError;
use crate::kernels::loss::SoftmaxCrossEntropy;
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::report::{PendingLoss, Reports};
use crate::sizes::{expect_len, int};
use crate::targets::Targets;

/// Reports loss and errors of logits (classes × images, row by row), and writes dloss/dz. The
/// images may be part of a batch of `batch_images`. The losses and gradients of all parts then add
/// up to those of the batch.
///
/// # Errors
/// Returns an error if the lengths do not fit together, or if there is no room for the report.
pub fn softmax_cross_entropy(
    logits: &Buffer<f32>,
    targets: Targets<'_>,
    batch_images: usize,
    gradient: &mut Buffer<f32>,
    reports: &mut Reports,
) -> Result<PendingLoss, GpuError> {
    let classes = targets.labels.classes();
    expect_len(
        "the classes of partners",
        classes,
        targets.partners.classes(),
    )?;
    let (slot, report) = reports.next()?;
    let loss = SoftmaxCrossEntropy {
        logits: logits.view(),
        labels: targets.labels.places(),
        partner_labels: targets.partners.places(),
        settings: targets.settings.view(),
        classes: int("the number of classes", classes)?,
        images: int("the number of images", targets.labels.len())?,
        batch_images: int("the number of images of a batch", batch_images)?,
        gradient: gradient.view_mut(),
        report,
    };
    launch(logits.context(), &loss)?;
    Ok(PendingLoss { slot })
}
