//! Progress of learning a dictionary: a line for each measurement and, on a terminal, a status line
//! that is updated in place.
//!
//! ```text
//!      signals   held out  last batch  active   atoms     time
//!       32,768    0.25412     0.25377    10.4     256     0:01
//! epoch  1 ━━━━━━━━━━━━━━──────  objective 0.25377, 10.4 active, 0:01
//! ```

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use scn_solvers::Scalar;
use scn_solvers::learn::LearnProgress;
use serde::Serialize;

use crate::output::Output;
use crate::readable::{clock, thousands};
use crate::screen;

/// Minimum time between updates of the status line.
const EVERY: Duration = Duration::from_millis(100);

/// The objective at a point in time.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measurement {
    /// Number of signals seen since learning began, repetitions included.
    pub(super) signals: u64,
    /// Time since this command began.
    pub(super) seconds: f64,
    pub(super) objective: f64,
    pub(super) active: f64,
    pub(super) atoms_used: usize,
}

pub(super) struct View {
    output: Output,
    begun: Instant,
    drawn: Option<Instant>,
    line: ProgressBar,
    measurements: Vec<Measurement>,
}

impl View {
    /// Creates the view and prints the heading of the table. An epoch has `columns` signals.
    pub(super) fn new(output: Output, columns: usize, held_out: bool) -> Self {
        let line = screen::line("{prefix:.bold} {bar:20.green/dim}  {wide_msg}");
        line.set_length(columns as u64);
        let objective = if held_out { "held out" } else { "objective" };
        output.say(format!(
            "{:>12}  {objective:>9}  {:>10}  {:>6}  {:>6}  {:>7}",
            "signals", "last batch", "active", "atoms", "time"
        ));
        Self {
            output,
            begun: Instant::now(),
            drawn: None,
            line,
            measurements: Vec::new(),
        }
    }

    /// Shows the progress after a step.
    pub(super) fn show<T: Scalar>(&mut self, progress: &LearnProgress<'_, T>) {
        let spent = self.begun.elapsed();
        if let Some(objective) = progress.measured {
            self.output.say(format!(
                "{:>12}  {objective:>9.5}  {:>10.5}  {:>6.1}  {:>6}  {:>7}",
                thousands(progress.signals as usize),
                progress.objective,
                progress.active,
                progress.atoms_used,
                clock(spent)
            ));
            self.measurements.push(Measurement {
                signals: progress.signals,
                seconds: spent.as_secs_f64(),
                objective,
                active: progress.active,
                atoms_used: progress.atoms_used,
            });
        }
        let due = self.drawn.is_none_or(|drawn| drawn.elapsed() >= EVERY);
        if due && !screen::is_hidden() {
            self.drawn = Some(Instant::now());
            self.line
                .set_prefix(format!("epoch {:>2}", progress.epoch + 1));
            self.line.set_position(progress.state.counts.position);
            self.line.set_message(format!(
                "objective {:.5}, {:.1} active, {}",
                progress.objective,
                progress.active,
                clock(spent)
            ));
        }
    }

    /// Returns the measurements shown so far.
    pub(super) fn measurements(&self) -> Vec<Measurement> {
        self.measurements.clone()
    }
}

impl Drop for View {
    fn drop(&mut self) {
        screen::remove(&self.line);
    }
}
