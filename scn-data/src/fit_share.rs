//! Processes that fit a normalisation together.

use std::error::Error;
use std::fmt;

/// A group of processes that fit a normalisation to the same images
/// [together](crate::Normalization::fit_shared). All of them make the same calls in the same order.
pub trait FitShare: fmt::Debug + Sync {
    /// Returns the rank of this process, counted from 0.
    fn rank(&self) -> usize;

    /// Returns the number of processes, at least 1.
    fn count(&self) -> usize;

    /// Gathers the numbers of all processes, in the order of ranks.
    ///
    /// `own` holds the numbers of this process, and `lengths` how many numbers each process has.
    ///
    /// # Errors
    /// Returns an error if a process or a connection has failed.
    fn gather(
        &self,
        own: &[f64],
        lengths: &[usize],
    ) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>>;
}

/// A single process.
#[derive(Debug)]
pub(crate) struct FitAlone;

impl FitShare for FitAlone {
    fn rank(&self) -> usize {
        0
    }

    fn count(&self) -> usize {
        1
    }

    fn gather(&self, own: &[f64], _: &[usize]) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>> {
        Ok(own.to_vec())
    }
}
