//! Which failures of a transfer may pass, so that it is worth trying again.

use std::io;

use super::error::FetchError;

/// Whether the same request may succeed later.
pub(super) fn may_pass(error: &FetchError) -> bool {
    match error {
        FetchError::Transfer { source, .. } => connection_may_recover(source.as_ref()),
        FetchError::Range { .. } | FetchError::TooSlow { .. } => true,
        // A request that took too long, a range beyond the end, too many requests. A server that
        // does not know the method or the version of HTTP will not learn it.
        FetchError::Status { status, .. } => {
            matches!(status, 408 | 416 | 429 | 500..) && !matches!(status, 501 | 505)
        }
        _ => false,
    }
}

/// As for curl's `--retry`: a connection that was made and was lost or stalled may recover. A name
/// that nobody knows, a port at which nobody listens and a certificate that is not trusted stay
/// what they are.
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
