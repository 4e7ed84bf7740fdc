//! Where the time goes.

use std::time::{Duration, Instant};

/// Time spent in [`encode`](crate::encode()), summed over threads; zero unless [asked for](crate::Settings::timed).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncodeTimes {
    /// Bringing signals into tiles, where they do not lie in memory as they are needed.
    pub gather: Duration,
    /// `D'x`
    pub correlate: Duration,
    /// From there to codes that are certified.
    pub solve: Duration,
    /// Writing codes to where they go.
    pub store: Duration,
    /// [Measuring](crate::encode_measured) them.
    pub measure: Duration,
}

impl EncodeTimes {
    /// All of these together.
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

/// A stopwatch for laps, or none: to read a clock costs as much as a small tile takes to be stored, so it is read where someone wants to
/// know.
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
