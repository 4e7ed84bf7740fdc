//! The run that a report describes.

use scn_net::{EpochRecord, Model, RunConfig};

use super::findings::Findings;

/// A run, as far as its results are available.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) history: &'a [EpochRecord],
    /// The model of the best epoch if validation images chose one, otherwise of the last epoch;
    /// None while the run is in progress.
    pub(crate) model: Option<&'a Model>,
    /// Results of the model on the test images, or the reason why there are none.
    pub(crate) findings: Result<&'a Findings, String>,
}
