//! What the images of a batch are to be recognised as: labels, mixed and smoothed.

use crate::context::Context;
use crate::error::GpuError;
use crate::kernels::loss::TARGET_SETTINGS;
use crate::labels::LabelsView;
use crate::memory::staged::StagedBuffer;
use crate::memory::view::View;

/// How images and labels of a batch are mixed, and labels smoothed, in device memory, so that a
/// recorded step can be run again with others.
#[derive(Debug)]
pub struct TargetSettings {
    staged: StagedBuffer<f32>,
    /// What is there.
    numbers: [f32; TARGET_SETTINGS],
}

impl TargetSettings {
    /// Neither mixed nor smoothed.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`].
    pub fn new(context: &Context) -> Result<Self, GpuError> {
        Ok(Self {
            staged: StagedBuffer::new(context, TARGET_SETTINGS)?,
            numbers: [0.0; TARGET_SETTINGS],
        })
    }

    /// Replaces the settings: `share` of each image and its label is that of its partner, and
    /// `smoothing` of each label that of all classes, in equal parts; both at least 0 and below 1.
    /// Work submitted before still sees the old ones.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
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

/// What the images of a batch are to be recognised as: of K classes, class k with the share
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
    /// Labels of images that are their own partners.
    pub fn new(labels: LabelsView<'a>, settings: &'a TargetSettings) -> Self {
        Self {
            labels,
            partners: labels,
            settings,
        }
    }

    /// The same labels with those of other partners, one for each image.
    #[must_use]
    pub fn mixed_with(self, partners: LabelsView<'a>) -> Self {
        Self { partners, ..self }
    }
}
