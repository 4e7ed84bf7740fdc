//! The view on a terminal: three lines below those of the epochs.
//!
//! ```text
//! epoch  3/20 ━━━━━━━━━━━━━━━───────────────  203/391  448 images/s, 21:10 left
//! loss 1.1321   error 40.12 %   rate 0.1   best test error 37.58 % in epoch 2
//! active 38 %   by layer ▅▅▄▄▅▅▄▄▅▅▂▂▂▁   test error by epoch █▅
//! ```

use std::time::Duration;

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use scn_net::{Beginning, EpochRecord, StepProgress, chosen_epoch};

use crate::readable::{clock, mean};

/// Three lines that change, if there is a terminal and a person who wants them.
pub(super) struct Live {
    all: MultiProgress,
    bar: ProgressBar,
    numbers: ProgressBar,
    shapes: ProgressBar,
    history: String,
    best: String,
}

impl Live {
    pub(super) fn new(wanted: bool) -> Result<Self> {
        let all = MultiProgress::with_draw_target(if wanted {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        let bar = ProgressStyle::with_template(
            "{prefix:.bold} {bar:30.green/dim} {pos:>4}/{len}  {wide_msg}",
        )?
        .progress_chars("━━─");
        let text = ProgressStyle::with_template("{wide_msg}")?;
        let line = |style: &ProgressStyle| all.add(ProgressBar::new(0).with_style(style.clone()));
        Ok(Self {
            bar: line(&bar),
            numbers: line(&text),
            shapes: line(&text),
            history: String::new(),
            best: String::new(),
            all,
        })
    }

    /// Whether nobody sees it.
    pub(super) fn is_hidden(&self) -> bool {
        self.all.is_hidden()
    }

    /// Prints above the view.
    pub(super) fn above(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    pub(super) fn clear(&self) {
        for line in [&self.bar, &self.numbers, &self.shapes] {
            line.finish_and_clear();
        }
    }

    /// What is done between the steps.
    pub(super) fn say(&self, what: &'static str) {
        self.bar.set_message(what);
        self.bar.tick();
    }

    pub(super) fn begin(&mut self, beginning: &Beginning<'_>) {
        self.bar.set_length(beginning.steps as u64);
        self.bar.set_position(beginning.steps_done as u64);
        self.epoch(beginning.history);
    }

    pub(super) fn step(&self, progress: &StepProgress<'_>, left: Duration) {
        if self.is_hidden() {
            return;
        }
        let StepProgress {
            epoch,
            epochs,
            step,
            activity,
            ..
        } = *progress;
        self.bar.set_prefix(format!("epoch {epoch:>2}/{epochs}"));
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

    /// After each epoch.
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

/// A block for each value, of eight heights; `full` is the highest.
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
