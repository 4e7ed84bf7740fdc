//! What a person sees of a run: a progress bar, a line per epoch, the run folder's pictures.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scn_net::{EpochRecord, Observer, RunConfig, RunFolder, StepProgress};

use crate::output::Output;
use crate::report;

/// Shows a run, and stops it at Ctrl-C.
pub(crate) struct RunView {
    output: Output,
    bar: ProgressBar,
    start: Instant,
    headed: bool,
    interrupted: &'static AtomicBool,
    config: RunConfig,
    folder: RunFolder,
    history: Vec<EpochRecord>,
    report_error: Option<anyhow::Error>,
}

const HEADING: &str =
    "epoch      rate   train loss    error   test loss    error   active   images/s     time";

impl RunView {
    pub(crate) fn new(config: &RunConfig, folder: &RunFolder, output: &Output) -> Result<Self> {
        let target = if output.for_a_person() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_style(
            ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len}  {msg}  {eta} left")?
                .progress_chars("=> "),
        );
        Ok(Self {
            output: *output,
            bar,
            start: Instant::now(),
            headed: false,
            interrupted: watch()?,
            config: config.clone(),
            folder: folder.clone(),
            history: read_history(folder),
            report_error: None,
        })
    }

    /// Seconds since the start. An error if the report could not be written.
    pub(crate) fn finish(self) -> Result<f64> {
        self.bar.finish_and_clear();
        match self.report_error {
            None => Ok(self.start.elapsed().as_secs_f64()),
            Some(error) => Err(error),
        }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| self.output.say(text));
    }
}

/// Whether Ctrl-C was pressed. Watched for from the first call on, for all runs of this process.
fn watch() -> Result<&'static AtomicBool> {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    static WATCHED: Mutex<bool> = Mutex::new(false);
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*watched {
        ctrlc::set_handler(|| {
            // The second one does not wait for the step to end.
            if INTERRUPTED.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })
        .context("cannot watch for Ctrl-C")?;
        *watched = true;
    }
    Ok(&INTERRUPTED)
}

/// The epochs of a run that is resumed; none if it begins.
fn read_history(folder: &RunFolder) -> Vec<EpochRecord> {
    let Ok(text) = std::fs::read_to_string(folder.metrics()) else {
        return Vec::new();
    };
    text.lines()
        .map_while(|line| serde_json::from_str(line).ok())
        .collect()
}

impl Observer for RunView {
    fn step(&mut self, progress: &StepProgress) {
        if progress.step == 1 {
            self.bar.reset();
        }
        self.bar.set_length(progress.steps as u64);
        self.bar
            .set_prefix(format!("epoch {:>3}/{}", progress.epoch, progress.epochs));
        self.bar.set_message(format!(
            "loss {:.4}  error {:.2} %  {:.0} images/s",
            progress.loss,
            100.0 * progress.error,
            progress.images_per_second
        ));
        self.bar.set_position(progress.step as u64);
    }

    fn evaluating(&mut self, _: u64) {
        self.bar.set_message("testing");
    }

    fn epoch(&mut self, record: &EpochRecord) {
        if !self.headed {
            self.headed = true;
            self.line(HEADING);
        }
        let active = record.layers.iter().map(|layer| layer.active).sum::<f64>()
            / record.layers.len().max(1) as f64;
        self.line(&format!(
            "{:>5} {:>9.1e} {:>12.4} {:>6.2} % {:>11.4} {:>6.2} % {:>6.1} % {:>10.0} {:>8}",
            record.epoch,
            record.learning_rate,
            record.train_loss,
            100.0 * record.train_error,
            record.test_loss,
            100.0 * record.test_error,
            100.0 * active,
            record.images_per_second,
            duration(self.start.elapsed())
        ));
        self.history.push(record.clone());
        let so_far = report::Run {
            config: &self.config,
            history: &self.history,
            model: None,
            findings: Err("they follow when the run is complete".to_string()),
        };
        if let Err(error) = so_far.write(&self.folder) {
            self.report_error = Some(error);
        }
    }

    fn stop(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }
}

fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 3600 {
        format!(
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    } else {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }
}
