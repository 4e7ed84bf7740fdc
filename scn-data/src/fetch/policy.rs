//! How patient a download is.

use std::time::Duration;

/// How patient a download is.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `connect_timeout` | 20 s | longest wait for a connection, and for the address of a name |
/// | `read_timeout` | 30 s | longest wait for an answer, and for the next bytes of it |
/// | `least_bytes_per_second` | 1000 | fewest bytes a second that are waited for; 0 for any |
/// | `rate_window` | 60 s | time over which that rate is measured |
/// | `retries` | 5 | how often a transfer that failed in a way that may pass is tried again |
/// | `backoff` | 1 s | wait before the first retry |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferPolicy {
    /// Longest wait for a connection, and for the address of a name.
    pub connect_timeout: Duration,
    /// Longest wait for an answer, and for the next bytes of it.
    pub read_timeout: Duration,
    /// Fewest bytes a second that are waited for, on average over each
    /// [`rate_window`](Self::rate_window); 0 for any.
    pub least_bytes_per_second: u64,
    /// Time over which [`least_bytes_per_second`](Self::least_bytes_per_second) is measured.
    pub rate_window: Duration,
    /// How often a transfer that failed in a way that may pass is tried again; each retry continues
    /// where the last transfer ended.
    pub retries: u32,
    /// Wait before the first retry. It doubles with each one, up to a minute; a server may ask for
    /// a longer one, up to a minute too.
    pub backoff: Duration,
}

impl Default for TransferPolicy {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(20),
            read_timeout: Duration::from_secs(30),
            least_bytes_per_second: 1000,
            rate_window: Duration::from_secs(60),
            retries: 5,
            backoff: Duration::from_secs(1),
        }
    }
}
