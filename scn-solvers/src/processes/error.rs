//! What goes wrong between processes.

/// What goes wrong between processes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// A part of another length than was announced.
    #[error("process {rank} must give {expected} bytes, but gives {found}")]
    Length {
        /// Rank of the process.
        rank: usize,
        /// Bytes that were announced.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// More bytes in one exchange than the processes can send.
    #[error("processes can exchange at most 2 GiB at a time, but this is {bytes} bytes")]
    TooLong {
        /// Bytes of all parts.
        bytes: usize,
    },
    /// A library of MPI that several threads cannot call.
    #[error(
        "the library of MPI must allow calls from several threads (MPI_THREAD_SERIALIZED), but does not"
    )]
    Threads,
    /// This process was asked to stop while it waited for others, and they have not answered since.
    #[error("other processes do not answer any more")]
    Unanswered,
    /// A process that has found something else than the first one.
    #[error("process {rank} on {host} and process 0 have different {what}")]
    Differs {
        /// Rank of the process.
        rank: usize,
        /// The machine that it runs on.
        host: String,
        /// What should be the same.
        what: String,
    },
    /// Another process has failed.
    #[error("process {rank} on {host}: {message}")]
    Failed {
        /// Rank of the process.
        rank: usize,
        /// The machine that it runs on.
        host: String,
        /// Why.
        message: String,
    },
}

impl ProcessError {
    /// `Ok` if the part of a process is as long as was announced.
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
