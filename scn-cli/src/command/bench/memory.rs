//! Memory of this process, as reported by the system.

/// Returns a line of `/proc/self/status` in bytes, or None if there is none.
fn status_bytes(what: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(what))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kilobytes)
}

/// Returns the peak memory of this process in bytes, if the system reports it.
pub(super) fn peak_memory() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// Resets the peak memory of this process and returns its current memory in bytes, if the system
/// supports it.
pub(super) fn begin_memory() -> Option<u64> {
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    status_bytes("VmRSS:")
}
