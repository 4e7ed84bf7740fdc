//! The steps of an epoch. A device may still be executing a step when the next one is started.

use std::time::Instant;

use super::run::Run;
use super::stop::any_stops;
use crate::config::RunConfig;
use crate::error::{ConfigError, NetError, TrainError};
use crate::executor::Done;
use crate::feed::{Feed, StepInput};
use crate::progress::{Observer, StepProgress};
use crate::schedule::{learning_rate, tolerances};

impl Run {
    /// Trains for the rest of the current epoch. Returns false if the observer stops the run.
    pub(super) fn train_epoch(&mut self, observer: &mut dyn Observer) -> Result<bool, TrainError> {
        let kind = self.network.hold(&self.training)?;
        let (epoch, first) = (self.state.epochs_done, self.state.batches_done);
        let mut feed = Feed::new(&self.training, kind, epoch, first);
        let ended = loop {
            // Checked before each step, because a run may be stopped before its first.
            if any_stops(&*self.processes, observer)? {
                break false;
            }
            let start = Instant::now();
            let Some(input) = feed.next() else { break true };
            let done = self.step(&input)?;
            self.state.sums.seconds += start.elapsed().as_secs_f64();
            if let Some(done) = done {
                self.take_note(&done, observer)?;
            }
        };
        loop {
            let start = Instant::now();
            let done = self.network.finish_training()?;
            self.state.sums.seconds += start.elapsed().as_secs_f64();
            match done {
                Some(done) => self.take_note(&done, observer)?,
                None => return Ok(ended),
            }
        }
    }

    /// Takes one training step. The result returned may be that of an earlier step.
    fn step(&mut self, input: &StepInput) -> Result<Option<Done>, TrainError> {
        self.set_tolerances()?;
        let rate = self.rate_of(self.state.batches_done);
        let done = self.network.train_step(input, &mut self.optimizer, rate);
        let done = done.map_err(|error| self.diverged(error, self.state.batches_done + 1))?;
        self.state.batches_done += 1;
        self.asked.push_back(input.images());
        Ok(done)
    }

    /// Adds the earliest step not yet counted to the sums, and reports it to the observer.
    fn take_note(&mut self, done: &Done, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let images = self.asked.pop_front().unwrap_or(0);
        let step = self.state.batches_done - self.asked.len();
        if let Some(what) = done.broken() {
            return Err(self.non_finite(step, what));
        }
        let report = &done.report;
        let sums = &mut self.state.sums;
        sums.add(images, report.loss, report.errors, &report.activity);
        observer.step(&StepProgress {
            epoch: self.state.epochs_done + 1,
            epochs: self.state.config.training.epochs,
            step,
            steps: self.training.batches(),
            loss: self.state.sums.mean_loss(),
            error: self.state.sums.error(),
            images_per_second: self.state.sums.images_per_second(),
            learning_rate: self.rate_of(step - 1),
            batch_loss: report.loss,
            batch_error: report.errors as f64 / images.max(1) as f64,
            activity: &report.activity,
        });
        Ok(())
    }

    /// Returns the error for a step of the current epoch, counted from 1, in or after which
    /// something is not finite.
    pub(super) fn non_finite(&self, step: usize, what: String) -> TrainError {
        TrainError::NonFinite {
            epoch: self.state.epochs_done + 1,
            step,
            what,
        }
    }

    /// Converts an error of the network. The run has diverged if numbers are not finite.
    pub(super) fn diverged(&self, error: NetError, step: usize) -> TrainError {
        if error.is_non_finite() {
            self.non_finite(step, format!("an activation ({error})"))
        } else {
            error.into()
        }
    }

    /// Returns the learning rate of a step of the current epoch.
    pub(super) fn rate_of(&self, batch: usize) -> f64 {
        let (step, steps) = self.place(batch);
        learning_rate(&self.state.config.training, step, steps)
    }

    /// Sets the tolerances of the next step.
    fn set_tolerances(&mut self) -> Result<(), ConfigError> {
        let (step, steps) = self.place(self.state.batches_done);
        let RunConfig {
            training, network, ..
        } = &self.state.config;
        let solver = tolerances(training, network.solver, step, steps);
        self.network.solve_with(&solver)
    }

    /// Returns the index in the run of a step of the current epoch, and the number of steps of the
    /// run.
    fn place(&self, batch: usize) -> (u64, u64) {
        let steps = self.training.batches() as u64;
        let step = self.state.epochs_done * steps + batch as u64;
        (step, self.state.config.training.epochs * steps)
    }
}
