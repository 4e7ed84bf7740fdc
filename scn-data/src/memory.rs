//! Checking for memory before it is allocated, because a failed allocation ends the process without
//! returning an error.

use std::fmt;

use sysinfo::System;

/// The largest size that is not checked. Every machine has this much, and checking takes longer
/// than filling it.
const SMALL: u64 = 16 << 20;

/// The error for an allocation that needs more memory than is available.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} would take {} of memory, but {}", Size(*.needed), Left(*.available))]
#[non_exhaustive]
pub struct MemoryError {
    /// What the memory is for.
    pub what: String,
    /// Number of bytes needed.
    pub needed: u64,
    /// Number of bytes available, if the system reports it.
    pub available: Option<u64>,
}

/// Checks that `bytes` bytes are available for `what`.
///
/// Other processes may take them in the meantime. The check is meant for sizes that are far too
/// large.
///
/// # Errors
/// Returns [`MemoryError`] if the system has less memory left, or refuses to promise it.
pub fn check_memory(what: &str, bytes: u64) -> Result<(), MemoryError> {
    if bytes <= SMALL {
        return Ok(());
    }
    let error = |available| MemoryError {
        what: what.to_owned(),
        needed: bytes,
        available,
    };
    let available = available();
    if available.is_some_and(|available| bytes > available) {
        return Err(error(available));
    }
    // A limit on this process (`ulimit -v`) shows only when memory is reserved. Untouched memory
    // costs nothing.
    let promised = usize::try_from(bytes).is_ok_and(|bytes| {
        let mut memory: Vec<u8> = Vec::new();
        memory.try_reserve_exact(bytes).is_ok()
    });
    if promised { Ok(()) } else { Err(error(None)) }
}

/// Returns the size in bytes of an array with these sides and numbers of type `T`, or `u64::MAX` if
/// it is larger.
pub fn bytes_of<T>(sides: &[usize]) -> u64 {
    let number = size_of::<T>() as u64;
    sides
        .iter()
        .fold(number, |bytes, &side| bytes.saturating_mul(side as u64))
}

/// Memory and swap that no process uses, or less if the control group of this process has less
/// left.
fn available() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    // Zero means that the system is not supported or reports nothing. The limits of the group must
    // not be queried then.
    if system.total_memory() == 0 {
        return None;
    }
    let free = system.available_memory().saturating_add(system.free_swap());
    let group = system.cgroup_limits().map(|group| {
        let left = group.total_memory.saturating_sub(group.rss);
        left.saturating_add(group.free_swap)
    });
    Some(group.map_or(free, |left| left.min(free)))
}

/// A number of bytes in human-readable form.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == u64::MAX {
            return f.write_str("more than 16 EB");
        }
        let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
        let mut size = self.0 as f64 / 1e3;
        let mut unit = 0;
        while size >= 999.95 && unit + 1 < units.len() {
            size /= 1e3;
            unit += 1;
        }
        write!(f, "{size:.1} {}", units[unit])
    }
}

/// The available memory, for a message.
struct Left(Option<u64>);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write!(f, "only {} is available", Size(bytes)),
            None => f.write_str("the system refuses that much"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused() {
        for bytes in [1 << 60, u64::MAX] {
            let error = check_memory("a test", bytes).expect_err("a million machines");
            assert_eq!((&*error.what, error.needed), ("a test", bytes));
        }
        for bytes in [0, 1, SMALL + 1] {
            check_memory("a test", bytes).expect("every machine has these");
        }
    }

    #[test]
    fn products_are_counted_to_the_last() {
        assert_eq!(bytes_of::<f32>(&[3, 5]), 60);
        assert_eq!(bytes_of::<f64>(&[]), 8);
        assert_eq!(bytes_of::<f64>(&[usize::MAX, usize::MAX]), u64::MAX);
        assert_eq!(bytes_of::<f64>(&[usize::MAX, usize::MAX, 0]), 0);
    }

    #[test]
    fn an_error_is_read_by_a_person() {
        let error = |needed, available| MemoryError {
            what: "codes".to_owned(),
            needed,
            available,
        };
        assert_eq!(
            error(1_600_000_000_000, Some(22_540_000_000)).to_string(),
            "codes would take 1.6 TB of memory, but only 22.5 GB is available"
        );
        assert_eq!(
            error(u64::MAX, None).to_string(),
            "codes would take more than 16 EB of memory, but the system refuses that much"
        );
        assert_eq!(Size(999_950_000).to_string(), "1.0 GB");
        assert_eq!(Size(17_000_000).to_string(), "17.0 MB");
    }
}
