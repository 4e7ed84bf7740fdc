//! Lap times.

use std::time::{Duration, Instant};

/// A timer of laps, which may be off: reading a clock costs as much as some of the laps.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Laps {
    /// When the current lap began, if laps are measured.
    began: Option<Instant>,
}

impl Laps {
    /// Starts the first lap, or returns a timer that is off.
    pub(crate) fn start(measured: bool) -> Self {
        Self {
            began: measured.then(Instant::now),
        }
    }

    /// Ends a lap, adds its time to `sum`, and starts the next.
    pub(crate) fn lap(&mut self, sum: &mut Duration) {
        if let Some(began) = self.began {
            let now = Instant::now();
            *sum += now.duration_since(began);
            self.began = Some(now);
        }
    }
}
