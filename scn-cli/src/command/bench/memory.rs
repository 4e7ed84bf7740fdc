//! What the system says of this process's memory.

/// A line of what the system tells of this process, in bytes. None where it does not.
fn status_bytes(what: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(what))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kilobytes)
}

/// The most memory that this process has had at a time, in bytes; where the system tells.
pub(super) fn peak_memory() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// The memory of this process now, in bytes, from which on the most that it has at a time is
/// recorded anew; where the system does so.
pub(super) fn begin_memory() -> Option<u64> {
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    status_bytes("VmRSS:")
}
