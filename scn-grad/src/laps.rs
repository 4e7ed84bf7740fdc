//! Times of laps.

use std::time::{Duration, Instant};

/// Measures laps, or nothing at all: to read a clock costs as much as some of the laps.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Laps {
    /// When the lap under way began, if they are measured.
    began: Option<Instant>,
}

impl Laps {
    /// The first lap begins.
    pub(crate) fn start(measured: bool) -> Self {
        Self {
            began: measured.then(Instant::now),
        }
    }

    /// Ends a lap, adds its time, and begins the next.
    pub(crate) fn lap(&mut self, sum: &mut Duration) {
        if let Some(began) = self.began {
            let now = Instant::now();
            *sum += now.duration_since(began);
            self.began = Some(now);
        }
    }
}
