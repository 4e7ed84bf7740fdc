//! The progress of a training run: a live view or plain lines, the report so far, and events for
//! TensorBoard.

mod live;
mod pace;
mod rows;

use std::time::{Duration, Instant};

use anyhow::Result;
use scn_data::{FitProgress, FitStage};
use scn_net::{
    Beginning, EpochRecord, LearningProgress, Network, Observer, RunConfig, RunFolder, StepProgress,
};

use self::live::Live;
use self::pace::Pace;
use crate::output::Output;
use crate::readable::clock;
use crate::tensorboard::{EventFile, Writer};
use crate::{ending, report, screen};

/// Interval between progress lines within an epoch if there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// An observer that shows a run, and stops it after Ctrl-C or TERM.
pub(crate) struct RunView {
    output: Output,
    live: Live,
    start: Instant,
    pace: Pace,
    last_line: Instant,
    headed: bool,
    config: RunConfig,
    folder: RunFolder,
    history: Vec<EpochRecord>,
    events: Option<EventFile>,
    failure: Option<anyhow::Error>,
}

impl RunView {
    pub(crate) fn new(config: &RunConfig, folder: &RunFolder, output: &Output) -> Result<Self> {
        Ok(Self {
            output: *output,
            live: Live::new(),
            start: Instant::now(),
            pace: Pace::default(),
            last_line: Instant::now(),
            headed: false,
            config: config.clone(),
            folder: folder.clone(),
            history: Vec::new(),
            events: None,
            failure: None,
        })
    }

    /// Returns the seconds since the start, and the error if the report or the events could not be
    /// written.
    pub(crate) fn finish(self) -> (f64, Option<anyhow::Error>) {
        (self.start.elapsed().as_secs_f64(), self.failure)
    }

    fn line(&mut self, text: &str) {
        self.last_line = Instant::now();
        self.output.say(text);
    }

    /// Writes events. After an error, no more events are written, but the run continues and reports
    /// the error at its end.
    fn record(&mut self, write: impl FnOnce(&mut EventFile) -> Result<()>) {
        if let Some(events) = &mut self.events
            && let Err(error) = write(events)
        {
            self.failure = Some(error);
            self.events = None;
        }
    }

    fn report(&self) -> Result<()> {
        let so_far = report::Run {
            config: &self.config,
            history: &self.history,
            model: None,
            findings: Err("they are added when the run is complete".to_string()),
        };
        report::write(&so_far, &self.folder).map(drop)
    }
}

impl Observer for RunView {
    fn fitting(&mut self, progress: &FitProgress) {
        self.live.fitting(progress);
        if screen::is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            let FitProgress {
                images_done,
                images,
                ..
            } = progress;
            match progress.stage {
                FitStage::Eigenvectors => self.line("whitening: eigenvectors of the covariance"),
                _ => self.line(&format!("fitting: {images_done} of {images} images")),
            }
        }
    }

    fn learning(&mut self, progress: &LearningProgress) {
        self.live.learning(progress);
        if screen::is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            let LearningProgress { layer, layers, .. } = progress;
            let text = format!("learning the dictionary of layer {} of {layers}", layer + 1);
            self.line(&text);
        }
    }

    fn begin(&mut self, beginning: &Beginning<'_>) {
        self.history = beginning.history.to_vec();
        self.pace = Pace::begin(beginning);
        let config = self.config.to_toml().map_err(anyhow::Error::from);
        let events = config.and_then(|config| {
            EventFile::create(self.folder.path(), Writer::Train, &config, self.pace.step())
        });
        match events {
            Ok(events) => self.events = Some(events),
            Err(error) => self.failure = Some(error),
        }
        self.live.begin(beginning);
    }

    fn step(&mut self, progress: &StepProgress<'_>) {
        self.pace.advance(progress);
        let step = self.pace.step();
        self.record(|events| events.step(step, progress));
        let left = self.pace.left();
        self.live.step(progress, left);
        if screen::is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            let text = format!(
                "epoch {}/{}, step {}/{}: loss {:.4}, error {:.2} %, {:.0} images/s, {} left",
                progress.epoch,
                progress.epochs,
                progress.step,
                progress.steps,
                progress.loss,
                100.0 * progress.error,
                progress.images_per_second,
                clock(left)
            );
            self.line(&text);
        }
    }

    fn evaluating(&mut self, _: u64) {
        self.live.wait_for("testing");
    }

    /// Writes the events of an epoch before its checkpoint. A resumed run discards events after the
    /// checkpoint and writes them again, so no epoch is missing or duplicated.
    fn evaluated(&mut self, record: &EpochRecord, network: &Network) {
        self.live.waited();
        let step = self.pace.step();
        self.record(|events| {
            events.epoch(step, record)?;
            match network.param("layer0.dictionary")? {
                Some(dictionary) => events.atoms(step, dictionary, network.config().window),
                None => Ok(()),
            }
        });
    }

    fn epoch(&mut self, record: &EpochRecord, _: &Network) {
        if !self.headed {
            self.headed = true;
            self.line("");
            rows::heading(record)
                .into_iter()
                .for_each(|line| self.line(&line));
        }
        self.line(&rows::row(record, self.start.elapsed()));
        self.history.push(record.clone());
        self.live.epoch(&self.history);
        if let Err(error) = self.report() {
            self.failure = Some(error);
        }
    }

    fn stop(&self) -> bool {
        ending::asked_to_stop().is_some()
    }
}
