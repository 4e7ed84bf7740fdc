//! Whether bytes come fast enough to be waited for.

use std::time::{Duration, Instant};

/// The bytes of one window of time after another, as `--speed-limit` and `--speed-time` of curl
/// count them.
#[derive(Debug)]
pub(super) struct Rate {
    slowest: u64,
    window: Duration,
    start: Instant,
    bytes: u64,
}

/// A window in which too little has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSlow {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

impl Rate {
    /// Needs `slowest` bytes a second on average over each window.
    pub(super) fn new(slowest: u64, window: Duration, now: Instant) -> Self {
        Self {
            slowest,
            window,
            start: now,
            bytes: 0,
        }
    }

    /// Bytes have come.
    pub(super) fn add(&mut self, bytes: u64, now: Instant) -> Result<(), TooSlow> {
        self.bytes += bytes;
        let time = now.saturating_duration_since(self.start);
        if time < self.window {
            return Ok(());
        }
        let found = TooSlow {
            bytes: self.bytes,
            time,
        };
        (self.start, self.bytes) = (now, 0);
        if (found.bytes as f64) < self.slowest as f64 * time.as_secs_f64() {
            Err(found)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_is_judged_by_itself() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rate = Rate::new(100, Duration::from_secs(10), start);
        // What has come before the window ends is not judged.
        assert_eq!(rate.add(1, at(9)), Ok(()));
        assert_eq!(rate.add(999, at(10)), Ok(()));
        // The many bytes of one window do not excuse the few of the next.
        assert_eq!(rate.add(1_000_000, at(20)), Ok(()));
        let slow = TooSlow {
            bytes: 999,
            time: Duration::from_secs(10),
        };
        assert_eq!(rate.add(999, at(30)), Err(slow));
    }
}
