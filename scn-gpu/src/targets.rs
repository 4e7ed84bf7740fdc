//! Targets of the images of a batch: labels, mixed and smoothed.

use crate::context::Context;
use crate::error::GpuError;
use crate::kernels::loss::TARGET_SETTINGS;
use crate::labels::LabelsView;
use crate::memory::staged::StagedBuffer;
use crate::memory::view::View;

/// Settings for mixing images and labels and for smoothing labels. They are in device memory, so
/// that a recorded step can be run again with different ones.
#[derive(Debug)]
pub struct TargetSettings {
    staged: StagedBuffer<f32>,
    /// The current settings.
    numbers: [f32; TARGET_SETTINGS],
}

impl TargetSettings {
    /// Creates settings without mixing or smoothing.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn new(context: &Context) -> Result<Self, GpuError> {
        Ok(Self {
            staged: StagedBuffer::new(context, TARGET_SETTINGS)?,
            numbers: [0.0; TARGET_SETTINGS],
        })
    }

    /// Replaces the settings. The fraction `share` of each image and label comes from its partner,
    /// and the fraction `smoothing` of each label is spread evenly over all classes. Both must be
    /// at least 0 and below 1. Work submitted earlier still uses the old settings.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if the driver fails.
    pub fn set(&mut self, share: f32, smoothing: f32) -> Result<(), GpuError> {
        let numbers = [share, smoothing];
        if self.numbers != numbers {
            self.staged.refill(|all| all.copy_from_slice(&numbers))?;
            self.numbers = numbers;
        }
        Ok(())
    }

    pub(crate) fn view(&self) -> View<'_, f32> {
        self.staged.view()
    }
}

/// The targets of the images of a batch. Of K classes, class k has the probability
///
/// ```text
/// (1 - smoothing) ( (1 - share) [k = label] + share [k = label of the partner] ) + smoothing / K
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    pub(crate) labels: LabelsView<'a>,
    pub(crate) partners: LabelsView<'a>,
    pub(crate) settings: &'a TargetSettings,
}

impl<'a> Targets<'a> {
    /// Creates targets of images that are their own partners.
    pub fn new(labels: LabelsView<'a>, settings: &'a TargetSettings) -> Self {
        Self {
            labels,
            partners: labels,
            settings,
        }
    }

    /// Returns the same targets, mixed with the labels of partners, one for each image.
    #[must_use]
    pub fn mixed_with(self, partners: LabelsView<'a>) -> Self {
        Self { partners, ..self }
    }
}
