//! Which failures of a transfer may be temporary and are worth a retry.

use std::io;

use super::error::FetchError;

/// Whether the same request may succeed later.
pub(super) fn may_pass(error: &FetchError) -> bool {
    match error {
        FetchError::Transfer { source, .. } => connection_may_recover(source.as_ref()),
        FetchError::Range { .. } | FetchError::TooSlow { .. } => true,
        // A request that took too long, a range beyond the end, too many requests, or a server
        // error. A server that does not support the method (501) or the version of HTTP (505) never
        // will.
        FetchError::Status { status, .. } => {
            matches!(status, 408 | 416 | 429 | 500..) && !matches!(status, 501 | 505)
        }
        _ => false,
    }
}

/// Whether a failed connection may recover, by the rule of curl's `--retry`. A connection that was
/// established and then lost or stalled may recover. An unknown name, a port without a listener and
/// an untrusted certificate do not.
fn connection_may_recover(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    match source.downcast_ref::<ureq::Error>() {
        Some(ureq::Error::Timeout(_) | ureq::Error::BodyStalled) => true,
        Some(ureq::Error::Io(error)) => matches!(
            error.kind(),
            io::ErrorKind::TimedOut
                | io::ErrorKind::WouldBlock
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}
