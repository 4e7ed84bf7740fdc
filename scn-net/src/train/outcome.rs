//! The outcome of a run.

use crate::record::EpochRecord;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The run has completed all epochs.
    Finished {
        /// The records of all epochs.
        history: Vec<EpochRecord>,
    },
    /// The observer stopped the run before its first step, while mean, scale and whitening were
    /// fitted or dictionaries learned. No file was written, and there is nothing to resume.
    NotBegun,
    /// The observer stopped the run. The checkpoint holds its complete state.
    Interrupted {
        /// Number of completed epochs.
        epochs_done: u64,
        /// Number of completed batches of the next epoch.
        batches_done: usize,
    },
}
