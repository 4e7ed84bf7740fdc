//! The rate at which bytes arrive, compared with a minimum.

use std::time::{Duration, Instant};

/// The bytes of consecutive time windows, counted as by `--speed-limit` and `--speed-time` of curl.
#[derive(Debug)]
pub(super) struct Rate {
    slowest: u64,
    window: Duration,
    start: Instant,
    bytes: u64,
}

/// A window in which too few bytes arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSlow {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

impl Rate {
    /// Requires `slowest` bytes per second on average over each window.
    pub(super) fn new(slowest: u64, window: Duration, now: Instant) -> Self {
        Self {
            slowest,
            window,
            start: now,
            bytes: 0,
        }
    }

    /// Counts bytes that have arrived.
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
        // Nothing is judged before the window ends.
        assert_eq!(rate.add(1, at(9)), Ok(()));
        assert_eq!(rate.add(999, at(10)), Ok(()));
        // The surplus of one window does not make up for the next.
        assert_eq!(rate.add(1_000_000, at(20)), Ok(()));
        let slow = TooSlow {
            bytes: 999,
            time: Duration::from_secs(10),
        };
        assert_eq!(rate.add(999, at(30)), Err(slow));
    }
}
