//! Tests that cannot run on this machine.

use std::io::Write;
use std::sync::Once;

/// Reports, once per program, why tests do nothing. Writes directly to stderr, which the test
/// harness does not capture.
pub(crate) fn skipped(reason: impl std::fmt::Display) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let message = format!("skipped, like all tests that need the same: {reason}\n");
        // It does not matter if this fails.
        let _ = std::io::stderr().write_all(message.as_bytes());
    });
}
