//! Mean, scale and whitening of the images that a run learns from, while somebody watches.

use std::ops::ControlFlow;

use scn_data::{DataError, FitProgress, ImageSet, Normalization, NormalizationError};

use crate::config::RunConfig;
use crate::progress::Observer;

/// The normalisation of the training images; None if the observer stopped the fit.
pub(super) fn fit(
    images: &ImageSet,
    config: &RunConfig,
    observer: &mut dyn Observer,
) -> Result<Option<Normalization>, DataError> {
    let mut watcher = |progress: FitProgress| {
        observer.fitting(&progress);
        if observer.stop() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    match Normalization::fit_watched(images, config.input.normalization(), &mut watcher) {
        Ok(normalization) => Ok(Some(normalization)),
        Err(DataError::Normalization(NormalizationError::Stopped)) => Ok(None),
        Err(error) => Err(error),
    }
}
