//! Times of laps.

use std::time::{Duration, Instant};

/// A stopwatch for laps, or none: to read a clock costs as much as some of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stopwatch(Option<Instant>);

impl Stopwatch {
    /// Starts the first lap, if it is to run at all.
    pub(crate) fn start(running: bool) -> Self {
        Self(running.then(Instant::now))
    }

    /// Ends a lap, adds its time to what it was spent on, and starts the next.
    pub(crate) fn lap(&mut self, spent: &mut Duration) {
        if let Some(started) = &mut self.0 {
            let now = Instant::now();
            *spent += now - *started;
            *started = now;
        }
    }
}
