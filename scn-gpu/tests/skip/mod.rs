//! Tests that cannot do their work here.

use std::io::Write;
use std::sync::Once;

/// Says, once per program, why tests do nothing. Written where the test harness does not hold it back.
pub(crate) fn skipped(reason: impl std::fmt::Display) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let message = format!("skipped, with all tests that need the same: {reason}\n");
        // Nothing is lost if it cannot be said.
        let _ = std::io::stderr().write_all(message.as_bytes());
    });
}
