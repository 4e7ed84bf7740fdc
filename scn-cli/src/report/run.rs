//! What a report is about.

use scn_net::{EpochRecord, Model, RunConfig};

use super::findings::Findings;

/// A run as far as it is known.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) history: &'a [EpochRecord],
    /// After the last epoch.
    pub(crate) model: Option<&'a Model>,
    /// What it does with the test images, or why that is not known.
    pub(crate) findings: Result<&'a Findings, String>,
}
