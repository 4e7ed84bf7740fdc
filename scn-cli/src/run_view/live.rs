//! The live view in a terminal: three lines below the rows of the epochs.
//!
//! ```text
//! epoch  3/20 ━━━━━━━━━━━━━━━───────────────  203/391  448 images/s, 21:10 left
//! loss 1.1321   error 40.12 %   rate 0.1   best test error 37.58 % in epoch 2
//! active 38 %   by layer ▅▅▄▄▅▅▄▄▅▅▂▂▂▁   test error by epoch █▅
//! ```

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use scn_data::{FitProgress, FitStage};
use scn_net::{Beginning, EpochRecord, LearningProgress, StepProgress, chosen_epoch};

use crate::readable::{clock, mean};
use crate::screen::{self, Bar};

/// Three status lines, hidden without a terminal or if progress is not wanted.
pub(super) struct Live {
    start: Instant,
    bar: ProgressBar,
    numbers: ProgressBar,
    shapes: ProgressBar,
    history: String,
    best: String,
    /// The bar of an operation between steps.
    waiting: Option<Bar>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            bar: screen::line(
                "{prefix:.bold} {bar:30.green/dim} {human_pos:>4}/{human_len}  {wide_msg}",
            ),
            numbers: screen::line("{wide_msg}"),
            shapes: screen::line("{wide_msg}"),
            history: String::new(),
            best: String::new(),
            waiting: None,
        }
    }

    /// Shows the progress of fitting the preprocessing, before the first step.
    pub(super) fn fitting(&self, progress: &FitProgress) {
        let since = clock(self.start.elapsed());
        let (prefix, message) = match progress.stage {
            FitStage::Covariance => ("whitening", format!("covariance, {since}")),
            FitStage::Eigenvectors => ("whitening", format!("eigenvectors, {since}")),
            _ => ("fitting", format!("mean and scale, {since}")),
        };
        let images = progress.images as u64;
        // Eigenvectors are computed after all images have been summed.
        let done = match progress.stage {
            FitStage::Eigenvectors => images,
            _ => progress.images_done as u64,
        };
        self.bar.set_length(images);
        self.bar.set_prefix(prefix);
        self.bar.set_message(message);
        self.bar.set_position(done);
    }

    /// Shows the progress of learning a dictionary, before the first step.
    pub(super) fn learning(&self, progress: &LearningProgress) {
        let LearningProgress {
            layer,
            layers,
            seen,
            expected,
            objective,
            ..
        } = *progress;
        let what = match (expected, objective) {
            (0, _) => "computing its input, ".to_string(),
            (_, Some(objective)) => format!("objective {objective:.3}, "),
            _ => String::new(),
        };
        let since = clock(self.start.elapsed());
        self.bar
            .set_prefix(format!("dictionary {:>2}/{layers}", layer + 1));
        self.bar.set_message(format!("{what}{since}"));
        self.bar.set_length(expected.max(1));
        self.bar.set_position(seen);
    }

    /// Shows an operation between steps.
    pub(super) fn wait_for(&mut self, what: &'static str) {
        self.waiting = Some(Bar::wait(what));
    }

    /// Hides the operation shown by [`wait_for`](Self::wait_for).
    pub(super) fn waited(&mut self) {
        self.waiting = None;
    }

    pub(super) fn begin(&mut self, beginning: &Beginning<'_>) {
        let epoch = beginning.history.len() + 1;
        self.bar.set_prefix(prefix(epoch as u64, beginning.epochs));
        self.bar.set_message("");
        self.bar.set_length(beginning.steps as u64);
        self.bar.set_position(beginning.steps_done as u64);
        self.epoch(beginning.history);
    }

    pub(super) fn step(&self, progress: &StepProgress<'_>, left: Duration) {
        if screen::is_hidden() {
            return;
        }
        let StepProgress {
            epoch,
            epochs,
            step,
            activity,
            ..
        } = *progress;
        self.bar.set_prefix(prefix(epoch, epochs));
        self.bar.set_position(step as u64);
        self.bar.set_message(format!(
            "{:.0} images/s, {} left",
            progress.images_per_second,
            clock(left)
        ));
        self.numbers.set_message(format!(
            "loss {:.4}   error {:.2} %   rate {:.2e}{}",
            progress.loss,
            100.0 * progress.error,
            progress.learning_rate,
            self.best
        ));
        let active: Vec<f64> = activity.iter().map(|layer| layer.active).collect();
        self.shapes.set_message(format!(
            "active {:.0} %   by layer {}{}",
            100.0 * mean(active.iter().copied()),
            blocks(&active, 1.0),
            self.history
        ));
    }

    /// Updates the best error and the history after an epoch.
    pub(super) fn epoch(&mut self, history: &[EpochRecord]) {
        let errors: Vec<f64> = history.iter().map(|record| record.test_error).collect();
        let lowest = history
            .iter()
            .min_by(|a, b| a.test_error.total_cmp(&b.test_error));
        let best = match chosen_epoch(history) {
            Some(best) => best
                .validation_error
                .map(|error| ("validation", error, best.epoch)),
            None => lowest.map(|best| ("test", best.test_error, best.epoch)),
        };
        if let Some((images, error, epoch)) = best {
            self.best = format!(
                "   best {images} error {:.2} % in epoch {epoch}",
                100.0 * error
            );
            let largest = errors.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
            self.history = format!("   test error by epoch {}", blocks(&errors, largest));
        }
    }
}

fn prefix(epoch: u64, epochs: u64) -> String {
    format!("epoch {epoch:>2}/{epochs}")
}

impl Drop for Live {
    fn drop(&mut self) {
        for line in [&self.bar, &self.numbers, &self.shapes] {
            screen::remove(line);
        }
    }
}

/// Returns a block character of one of eight heights for each value. `full` is the value of the
/// highest block.
fn blocks(values: &[f64], full: f64) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let height = |value: &f64| ((8.0 * value / full) as usize).min(HEIGHTS.len() - 1);
    values.iter().map(|value| HEIGHTS[height(value)]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn blocks_are_as_high_as_their_values() {
        assert_eq!(
            super::blocks(&[0.0, 0.5, 0.99, 1.0, f64::NAN], 1.0),
            "▁▅██▁"
        );
        assert_eq!(super::blocks(&[0.1, 0.2], 0.2), "▅█");
    }
}
