//! Timing of short runs.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Minimum total time: short runs are repeated.
const SHORT: Duration = Duration::from_millis(500);

/// Returns the seconds of the fastest of at least `repeats` runs, and the result of the last one.
pub(super) fn fastest<R>(repeats: usize, mut run: impl FnMut() -> Result<R>) -> Result<(f64, R)> {
    let first = Instant::now();
    let mut seconds = f64::INFINITY;
    let mut runs = 0;
    loop {
        runs += 1;
        let start = Instant::now();
        let result = run()?;
        seconds = seconds.min(start.elapsed().as_secs_f64());
        if runs >= repeats && first.elapsed() >= SHORT {
            return Ok((seconds, result));
        }
    }
}
