//! Progress of a fit, for callers that display it or stop it.

use std::ops::ControlFlow;

use crate::error::NormalizationError;

/// A stage of a [fit](crate::Normalization::fit_watched). The variants are in the order of
/// computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FitStage {
    /// Sums over the images for mean and scale. With contrast normalisation or floating point
    /// pixels, the standard deviation takes a second pass.
    Moments,
    /// Sums over the images for the covariance that whitening starts from.
    Covariance,
    /// The eigenvectors of the covariance, and W computed from them. Their progress is unknown.
    Eigenvectors,
}

/// The progress of a [fit](crate::Normalization::fit_watched).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FitProgress {
    /// The current stage.
    pub stage: FitStage,
    /// Number of images in the sums so far; 0 in [`FitStage::Eigenvectors`].
    pub images_done: usize,
    /// Total number of images.
    pub images: usize,
}

/// The watcher of a fit. Returning `Break` ends the fit.
pub(crate) type Watcher<'a> = dyn FnMut(FitProgress) -> ControlFlow<()> + 'a;

/// Number of values summed between two reports: milliseconds of work.
const VALUES_BETWEEN: usize = 1 << 22;

/// The reports to the watcher of a fit.
pub(crate) struct Watch<'a> {
    watcher: &'a mut Watcher<'a>,
    images: usize,
    images_between: usize,
}

impl<'a> Watch<'a> {
    /// Creates the reports of a fit to `images` images of `volume` values.
    pub(crate) fn new(watcher: &'a mut Watcher<'a>, images: usize, volume: usize) -> Self {
        Self {
            watcher,
            images,
            images_between: (VALUES_BETWEEN / volume).max(1),
        }
    }

    /// Called before image `index` is summed. Reports some of the images, including the first.
    pub(crate) fn image(
        &mut self,
        stage: FitStage,
        index: usize,
    ) -> Result<(), NormalizationError> {
        if index.is_multiple_of(self.images_between) {
            self.report(stage, index)
        } else {
            Ok(())
        }
    }

    /// Reports that the sums of a stage hold `images_done` images.
    ///
    /// # Errors
    /// Returns [`NormalizationError::Stopped`] if the watcher ends the fit.
    pub(crate) fn report(
        &mut self,
        stage: FitStage,
        images_done: usize,
    ) -> Result<(), NormalizationError> {
        let progress = FitProgress {
            stage,
            images_done,
            images: self.images,
        };
        match (self.watcher)(progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(NormalizationError::Stopped),
        }
    }
}
