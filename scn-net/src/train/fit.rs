//! Fitting of mean, scale and whitening to the training images, with progress reports.

use std::error::Error;
use std::ops::ControlFlow;

use scn_data::{DataError, FitProgress, FitShare, ImageSet, Normalization, NormalizationError};
use scn_solvers::processes::{Processes, gather};

use super::stop::{any_stops, stops_alone};
use crate::config::RunConfig;
use crate::error::TrainError;
use crate::progress::Observer;

/// An adapter from [`Processes`] to the trait of `scn-data`.
#[derive(Debug)]
struct Together<'a>(&'a dyn Processes);

impl FitShare for Together<'_> {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn count(&self) -> usize {
        self.0.count()
    }

    fn gather(
        &self,
        own: &[f64],
        lengths: &[usize],
    ) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>> {
        Ok(gather(self.0, own, lengths.iter().copied())?.wait()?)
    }
}

/// Fits the normalisation to the training images. Returns None if the observer stops it.
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
    let (config, share) = (config.input.normalization(), &Together(processes));
    match Normalization::fit_shared(images, config, share, &mut watcher) {
        Ok(normalization) => {
            let stopped = any_stops(processes, observer)?;
            Ok(Some(normalization).filter(|_| !stopped))
        }
        Err(DataError::Normalization(NormalizationError::Stopped)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
