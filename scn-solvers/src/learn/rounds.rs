//! When the objective is measured, and when it no longer falls.

use super::coded::Totals;
use super::{LearnCounts, LearnSettings};

/// Number of consecutive measurements without improvement after which learning has converged.
pub(super) const PATIENCE: u32 = 2;

impl LearnCounts {
    /// Counts a step on some signals. `left` signals of their epoch remain; `None` if they are not
    /// part of an epoch.
    pub(super) fn count(&mut self, totals: Totals, left: Option<u64>) {
        let count = totals.count as u64;
        self.steps += 1;
        self.signals += count;
        self.unconverged += totals.unconverged as u64;
        self.active = totals.mean().active;
        self.round_signals += count;
        self.round_objective += totals.objective;
        match left {
            None => {}
            Some(0) => {
                self.epochs += 1;
                self.position = 0;
            }
            Some(_) => self.position += count,
        }
    }

    /// Whether a measurement is due: after an epoch or, if there are held-out signals, after
    /// `measure_every` signals.
    pub(super) fn round_is_over<T>(&self, settings: &LearnSettings<T>, has_held_out: bool) -> bool {
        self.position == 0 || (has_held_out && self.round_signals >= settings.measure_every)
    }

    /// Returns the mean objective of the signals since the last measurement.
    pub(super) fn running(&self) -> f64 {
        self.round_objective / self.round_signals.max(1) as f64
    }

    /// Records a measurement and begins the next round.
    pub(super) fn take(&mut self, measured: f64, tolerance: f64) {
        // In this form a first measurement is below infinity, and a measurement of zero is not
        // below zero.
        if measured < (1.0 - tolerance) * self.lowest {
            self.stale = 0;
        } else {
            self.stale += 1;
        }
        self.measured = measured;
        self.lowest = self.lowest.min(measured);
        self.round_signals = 0;
        self.round_objective = 0.0;
    }

    pub(super) fn has_converged(&self) -> bool {
        self.stale >= PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two consecutive measurements without improvement, each compared with the lowest before it.
    #[test]
    fn converged_is_as_it_is_documented() {
        let mut counts = LearnCounts::default();
        let mut ends = |measured: f64| {
            counts.take(measured, 0.01);
            counts.has_converged()
        };
        assert_eq!(
            [1.0, 0.995, 0.98, 0.979, 0.9, 0.95, 0.892].map(&mut ends),
            [false, false, false, false, false, false, true]
        );
        let mut counts = LearnCounts::default();
        counts.take(0.0, 0.0);
        counts.take(0.0, 0.0);
        assert!(!counts.has_converged());
        counts.take(0.0, 0.0);
        assert!(counts.has_converged());
    }
}
