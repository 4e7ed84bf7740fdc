//! Errors between processes.

/// The reason why processes cannot share work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// A part has a different length than announced.
    #[error("process {rank} must send {expected} bytes, but sends {found}")]
    Length {
        /// Rank of the process.
        rank: usize,
        /// Bytes announced.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// An exchange has more bytes than the processes can send.
    #[error("processes can exchange at most 2 GiB at a time, but these are {bytes} bytes")]
    TooLong {
        /// Bytes of all parts.
        bytes: usize,
    },
    /// The MPI library does not support calls from several threads.
    #[error(
        "the MPI library must support calls from several threads (MPI_THREAD_SERIALIZED), but does not"
    )]
    Threads,
    /// This process was asked to stop while it waited for others, and they have not responded
    /// since.
    #[error("other processes no longer respond")]
    Unanswered,
    /// A process has found something different from the first one.
    #[error("process {rank} on {host} and process 0 have different {what}")]
    Differs {
        /// Rank of the process.
        rank: usize,
        /// The machine that the process runs on.
        host: String,
        /// What should be the same.
        what: String,
    },
    /// A different process has failed.
    #[error("process {rank} on {host}: {message}")]
    Failed {
        /// Rank of the process.
        rank: usize,
        /// The machine that the process runs on.
        host: String,
        /// The reason for the failure.
        message: String,
    },
}

impl ProcessError {
    /// Checks that the part of a process has the announced length.
    pub(crate) fn check_part(part: &[u8], rank: usize, lengths: &[usize]) -> Result<(), Self> {
        let expected = lengths.get(rank).copied().unwrap_or(0);
        if part.len() == expected {
            return Ok(());
        }
        Err(Self::Length {
            rank,
            expected,
            found: part.len(),
        })
    }
}
