//! The progress of a run, and an estimate of the remaining time.

use std::time::{Duration, Instant};

use scn_net::{Beginning, StepProgress};

/// The progress of a run, in steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    start: Instant,
    /// Steps done before this process started.
    before: u64,
    done: u64,
    all: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            before: 0,
            done: 0,
            all: 0,
        }
    }
}

impl Pace {
    pub(super) fn begin(beginning: &Beginning<'_>) -> Self {
        let steps = beginning.steps as u64;
        let done = beginning.history.len() as u64 * steps + beginning.steps_done as u64;
        Self {
            start: Instant::now(),
            before: done,
            done,
            all: beginning.epochs * steps,
        }
    }

    pub(super) fn advance(&mut self, progress: &StepProgress<'_>) {
        self.done = (progress.epoch - 1) * progress.steps as u64 + progress.step as u64;
    }

    /// Returns the number of steps done since the run began.
    pub(super) fn step(&self) -> u64 {
        self.done
    }

    /// Estimates the remaining time from the pace of this process so far. The estimate includes
    /// evaluations from the first one on.
    pub(super) fn left(&self) -> Duration {
        let (done, left) = (self.done - self.before, self.all.saturating_sub(self.done));
        self.start
            .elapsed()
            .mul_f64(left as f64 / done.max(1) as f64)
    }
}
