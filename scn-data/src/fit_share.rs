//! Processes that fit a normalisation together.

use std::error::Error;
use std::fmt;

/// Processes that fit a normalisation to the same images [together](crate::Normalization::fit_shared). Each does the same calls in the
/// same order.
pub trait FitShare: fmt::Debug + Sync {
    /// Which one this is, counted from 0.
    fn rank(&self) -> usize;

    /// How many there are, at least 1.
    fn count(&self) -> usize;

    /// The numbers of all processes, one process after the other, given those of this one; `lengths` says how many each gives, in
    /// the order of ranks.
    ///
    /// # Errors
    /// A process or a connection that has failed.
    fn gather(
        &self,
        own: &[f64],
        lengths: &[usize],
    ) -> Result<Vec<f64>, Box<dyn Error + Send + Sync>>;
}

/// One process.
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
