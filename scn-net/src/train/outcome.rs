//! How a run ends.

use crate::record::EpochRecord;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All epochs are done.
    Finished {
        /// All epochs.
        history: Vec<EpochRecord>,
    },
    /// The observer stopped it before its first step, while mean, scale and whitening were fitted
    /// or dictionaries learned: no file was written, and there is nothing to resume.
    NotBegun,
    /// The observer stopped it. The checkpoint holds everything.
    Interrupted {
        /// Epochs completed.
        epochs_done: u64,
        /// Batches done of the next.
        batches_done: usize,
    },
}
