//! The timeouts and retries of a download.

use std::time::Duration;

/// The timeouts and retries of a download.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `connect_timeout` | 20 s | longest wait for a connection, and for the address of a name |
/// | `read_timeout` | 30 s | longest wait for a response, and for its next bytes |
/// | `least_bytes_per_second` | 1000 | lowest rate in bytes per second; 0 for any |
/// | `rate_window` | 60 s | time over which that rate is measured |
/// | `retries` | 5 | number of retries after failures that may be temporary |
/// | `backoff` | 1 s | wait before the first retry |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransferPolicy {
    /// Longest wait for a connection, and for the address of a name.
    pub connect_timeout: Duration,
    /// Longest wait for a response, and for its next bytes.
    pub read_timeout: Duration,
    /// Lowest rate in bytes per second, on average over each [`rate_window`](Self::rate_window); 0
    /// for any.
    pub least_bytes_per_second: u64,
    /// Time over which [`least_bytes_per_second`](Self::least_bytes_per_second) is measured.
    pub rate_window: Duration,
    /// Number of retries after failures that may be temporary. Each retry continues where the last
    /// transfer ended.
    pub retries: u32,
    /// Wait before the first retry. It doubles with each retry, up to a minute. A server may ask
    /// for a longer wait, also up to a minute.
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
