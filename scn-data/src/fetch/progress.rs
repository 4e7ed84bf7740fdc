//! What a fetch reports while it is at work.

use std::time::Duration;

use super::error::FetchError;

/// What a fetch is doing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Bytes of an archive have come.
    Received {
        /// The archive.
        file: &'a str,
        /// Bytes there are, those of an earlier transfer among them.
        bytes: u64,
        /// Bytes there will be, if the server says.
        total: Option<u64>,
    },
    /// A transfer failed and will be tried again.
    Retry {
        /// The archive.
        file: &'a str,
        /// What failed.
        error: &'a FetchError,
        /// Time until then.
        wait: Duration,
    },
    /// A whole archive is unpacked.
    Unpacking {
        /// The archive.
        file: &'a str,
    },
}
