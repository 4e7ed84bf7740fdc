//! Times of the phases of encoding.

use std::time::{Duration, Instant};

/// Time spent in each phase of [`encode`](crate::encode()), summed over threads.
///
/// All times are zero unless [requested](crate::Settings::timed).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodeTimes {
    /// Copying signals into tiles, unless they are already in memory in the right layout.
    pub gather: Duration,
    /// Computing `D'x`.
    pub correlate: Duration,
    /// Solving, from correlations to certified codes.
    pub solve: Duration,
    /// Writing codes to their destination.
    pub store: Duration,
    /// [Measuring](crate::encode_measured) codes.
    pub measure: Duration,
}

impl EncodeTimes {
    /// Returns the sum of all phases.
    pub fn total(&self) -> Duration {
        self.gather + self.correlate + self.solve + self.store + self.measure
    }
}

impl std::ops::AddAssign for EncodeTimes {
    fn add_assign(&mut self, other: Self) {
        self.gather += other.gather;
        self.correlate += other.correlate;
        self.solve += other.solve;
        self.store += other.store;
        self.measure += other.measure;
    }
}

/// A stopwatch for laps, which may be off. Reading a clock costs as much as storing a small tile,
/// so the clock is only read on request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stopwatch(Option<Instant>);

impl Stopwatch {
    /// Starts the first lap, or returns a stopwatch that is off.
    pub(crate) fn start(running: bool) -> Self {
        Self(running.then(Instant::now))
    }

    /// Ends a lap, adds its time to `spent`, and starts the next.
    pub(crate) fn lap(&mut self, spent: &mut Duration) {
        if let Some(started) = &mut self.0 {
            let now = Instant::now();
            *spent += now - *started;
            *started = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laps_add_up_and_a_stopped_watch_counts_nothing() {
        let (mut spent, mut idle) = (Duration::ZERO, Duration::ZERO);
        let begun = Instant::now();
        let mut watch = Stopwatch::start(true);
        let mut stopped = Stopwatch::start(false);
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(1));
            watch.lap(&mut spent);
            stopped.lap(&mut idle);
        }
        assert!(spent >= Duration::from_millis(3) && spent <= begun.elapsed());
        assert_eq!(idle, Duration::ZERO);
    }
}
