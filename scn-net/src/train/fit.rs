//! Mean, scale and whitening of the images that a run learns from, while somebody watches.

use std::ops::ControlFlow;

use scn_data::{DataError, FitProgress, ImageSet, Normalization, NormalizationError};
use scn_solvers::processes::Processes;

use super::stop::{any_stops, stops_alone};
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::progress::Observer;

/// The normalisation of the training images; None if the observer stopped the fit.
pub(super) fn fit(
    images: &ImageSet,
    config: &RunConfig,
    processes: &dyn Processes,
    observer: &mut dyn Observer,
) -> Result<Option<Normalization>, TrainError> {
    let mut watcher = |progress: FitProgress| {
        observer.fitting(&progress);
        if stops_alone(processes, observer) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    match Normalization::fit_watched(images, config.input.normalization(), &mut watcher) {
        Ok(normalization) => {
            let stopped = any_stops(processes, observer)?;
            Ok(Some(normalization).filter(|_| !stopped))
        }
        Err(DataError::Normalization(NormalizationError::Stopped)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
