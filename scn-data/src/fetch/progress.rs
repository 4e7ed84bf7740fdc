//! Progress reports of a running fetch.

use std::time::Duration;

use super::error::FetchError;

/// A progress report of a fetch.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Bytes of an archive have arrived.
    Received {
        /// The archive.
        file: &'a str,
        /// Number of bytes so far, including those of an earlier transfer.
        bytes: u64,
        /// Total number of bytes, if the server reports it.
        total: Option<u64>,
    },
    /// A transfer failed and will be retried.
    Retry {
        /// The archive.
        file: &'a str,
        /// The error of the transfer.
        error: &'a FetchError,
        /// Time until the retry.
        wait: Duration,
    },
    /// A complete archive is being unpacked.
    Unpacking {
        /// The archive.
        file: &'a str,
    },
}
