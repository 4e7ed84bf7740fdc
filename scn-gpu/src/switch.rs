//! Environment variables that switch something on or off.

use std::ffi::OsStr;

/// Whether an environment variable is on: false if it is empty or 0, `default` if it is not set.
pub(crate) fn switch(name: &str, default: bool) -> bool {
    is_on(std::env::var_os(name).as_deref(), default)
}

fn is_on(value: Option<&OsStr>, default: bool) -> bool {
    value.map_or(default, |value| !value.is_empty() && value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_empty_or_0_switches_off() {
        for default in [false, true] {
            assert_eq!(is_on(None, default), default);
            assert!(is_on(Some(OsStr::new("1")), default));
            assert!(!is_on(Some(OsStr::new("")), default));
            assert!(!is_on(Some(OsStr::new("0")), default));
        }
    }
}
