//! How far a fit has come, for a caller that shows it or stops it.

use std::ops::ControlFlow;

use crate::error::NormalizationError;

/// A part of a [fit](crate::Normalization::fit_watched), in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FitStage {
    /// Sums over the images for mean and scale; with contrast normalisation the scale takes a second
    /// pass.
    Moments,
    /// Sums over the images for the covariance that whitening begins with.
    Covariance,
    /// The eigenvectors of the covariance, and W from them. Nobody knows how far they are.
    Eigenvectors,
}

/// How far a [fit](crate::Normalization::fit_watched) has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FitProgress {
    /// The part that is being computed.
    pub stage: FitStage,
    /// Images that its sums hold; 0 in [`FitStage::Eigenvectors`].
    pub images_done: usize,
    /// Images in all.
    pub images: usize,
}

/// Who watches a fit. Any answer that is a break ends it.
pub(crate) type Watcher<'a> = dyn FnMut(FitProgress) -> ControlFlow<()> + 'a;

/// Values of images between two reports: milliseconds of work.
const VALUES_BETWEEN: usize = 1 << 22;

/// Reports to the watcher of a fit.
pub(crate) struct Watch<'a> {
    watcher: &'a mut Watcher<'a>,
    images: usize,
    images_between: usize,
}

impl<'a> Watch<'a> {
    /// Of a fit to so many images of `volume` values.
    pub(crate) fn new(watcher: &'a mut Watcher<'a>, images: usize, volume: usize) -> Self {
        Self {
            watcher,
            images,
            images_between: (VALUES_BETWEEN / volume).max(1),
        }
    }

    /// Before the image with this index is summed; reports of some of them, the first included.
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

    /// Reports that the sums of a stage hold so many images.
    ///
    /// # Errors
    /// [`NormalizationError::Stopped`] if the watcher has had enough.
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
