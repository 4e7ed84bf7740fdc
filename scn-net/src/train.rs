//! Training, from a configuration to a run folder.

mod epoch;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use scn_data::{Dataset, Loader, Normalization};

use crate::atomic::remove_leftovers;
use crate::checkpoint::{self, Checkpoint, RunState};
use crate::config::{Moments, RunConfig};
use crate::evaluate::evaluate_here;
use crate::model::ModelInput;
use crate::progress::{Beginning, EpochRecord, EpochSums, Observer};
use crate::{
    Device, FileError, LockedRun, NetError, Network, RunFolder, Sgd, Tensor, TrainError,
    write_atomically,
};

/// Where a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the seed's initial weights, in a folder that holds no run.
    Fresh,
    /// At the checkpoint in the folder.
    Resume,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All epochs are done.
    Finished {
        /// All epochs.
        history: Vec<EpochRecord>,
    },
    /// The observer stopped it. The checkpoint holds everything.
    Interrupted {
        /// Epochs completed.
        epochs_done: u64,
        /// Batches done of the next.
        batches_done: usize,
    },
}

/// Trains as configured and keeps the run folder: `config.toml` at the start; `checkpoint.safetensors`, `model.safetensors` and
/// `metrics.jsonl` after each epoch, each written whole or not at all, in this order. A process may be ended at any point: a resumed run makes
/// the others again from the checkpoint. No second process gets into the folder meanwhile.
///
/// The same configuration and data give the same bits, whatever the number of threads and however often the run was
/// interrupted and resumed. With [`Start::Resume`] only `training.epochs` of the given configuration counts; all else is
/// the checkpoint's.
///
/// # Errors
/// Wrong settings or data, a folder that holds a run already (or none to resume) or in which another process trains, a refusal of the file system, or a loss or
/// parameter that is no longer finite. The last checkpoint stays as it is.
pub fn train(
    config: &RunConfig,
    data: &Dataset,
    out: &Path,
    start: Start,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    config.validate()?;
    let folder = RunFolder::new(out);
    // A folder for which there is no use is not made.
    expect_run(&folder, start)?;
    train_locked(config, data, &folder.lock()?, start, device, observer)
}

/// As [`train`], in a folder from which others are kept out already.
///
/// # Errors
/// As [`train`].
pub fn train_locked(
    config: &RunConfig,
    data: &Dataset,
    run: &LockedRun,
    start: Start,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    config.validate()?;
    expect_run(run.folder(), start)?;
    let folder = run.folder().clone();
    device.run(|| Run::begin(config, data, folder, start, device, observer)?.finish(observer))
}

/// `Ok` if the folder holds a run that can be resumed, or none where one is to be begun.
fn expect_run(folder: &RunFolder, start: Start) -> Result<(), TrainError> {
    let path = || folder.path().to_path_buf();
    match (start, folder.checkpoint().exists()) {
        (Start::Fresh, true) => Err(TrainError::Occupied { path: path() }),
        (Start::Resume, false) => Err(TrainError::NoCheckpoint { path: path() }),
        _ => Ok(()),
    }
}

/// A run in progress.
struct Run {
    folder: RunFolder,
    network: Network,
    input: ModelInput,
    optimizer: Sgd,
    state: RunState,
    training: Loader,
    test: Loader,
    /// The images of each step whose report is not summed up yet.
    asked: VecDeque<usize>,
}

impl Run {
    fn begin(
        config: &RunConfig,
        data: &Dataset,
        folder: RunFolder,
        start: Start,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let resumed = match start {
            Start::Fresh => None,
            Start::Resume => Some(Checkpoint::load(&folder.checkpoint())?),
        };
        let epochs = config.training.epochs;
        let mut config = resumed
            .as_ref()
            .map_or(config, |checkpoint| &checkpoint.config)
            .clone();
        config.training.epochs = epochs;

        let limited = |set, limit: Option<usize>| {
            let count = limit.unwrap_or(usize::MAX);
            Arc::new(config.subset.of(set, count, config.seed))
        };
        let images = limited(&data.train, config.train_limit);
        let fitted = resumed
            .as_ref()
            .and_then(|checkpoint| checkpoint.model.input.normalization.clone());
        let normalization = match fitted {
            Some(normalization) => normalization,
            None => {
                observer.fitting();
                Normalization::fit(&images, config.input.normalization())?
            }
        };
        let shared = Arc::new(normalization.clone());
        let test = limited(&data.test, config.test_limit);
        let batch = config.training.batch_size;
        let augmentation = config.augmentation();
        let training = Loader::training(
            images,
            Arc::clone(&shared),
            augmentation,
            batch,
            config.seed,
        )?
        .with_last_batch(config.training.last_batch)?;
        let test = Loader::in_order(test, shared, batch)?;

        let input = ModelInput {
            dataset: config.dataset,
            normalization: Some(normalization),
            class_names: data.train.class_names().to_vec(),
            active: resumed.as_ref().map_or(Vec::new(), |checkpoint| {
                checkpoint.model.input.active.clone()
            }),
        };
        let mut optimizer = Sgd::new(&config.training);
        let recompute = config.training.recompute;
        let (mut network, state) = match resumed {
            None => {
                let network = Network::new(&config.network, config.seed)?;
                let sums = EpochSums::default();
                (
                    network,
                    RunState {
                        config,
                        epochs_done: 0,
                        batches_done: 0,
                        sums,
                        history: Vec::new(),
                    },
                )
            }
            Some(checkpoint) => {
                let Checkpoint {
                    model,
                    epochs_done,
                    batches_done,
                    history,
                    sums,
                    velocity,
                    ..
                } = checkpoint;
                optimizer.set_velocity(velocity);
                (
                    model.network,
                    RunState {
                        config,
                        epochs_done,
                        batches_done,
                        sums,
                        history,
                    },
                )
            }
        };
        network.set_recompute(recompute);
        network.move_to(device)?;
        if network.replica().is_none() {
            let images = batch.min(training.image_set().len());
            network
                .check_training_memory(images)
                .map_err(NetError::from)?;
        }
        let run = Self {
            folder,
            network,
            input,
            optimizer,
            state,
            training,
            test,
            asked: VecDeque::new(),
        };
        run.expect_batches()?;
        remove_leftovers(run.folder.path())?;
        if run.state.epochs_done > 0 && run.state.batches_done == 0 {
            run.save_model()?;
        }
        let config = run.state.config.to_toml()?;
        write_atomically(&run.folder.config(), |out| out.write_all(config.as_bytes()))?;
        run.write_metrics()?;
        Ok(run)
    }

    /// `Ok` if the batches that are done are not more than an epoch has.
    fn expect_batches(&self) -> Result<(), FileError> {
        let (done, steps) = (self.state.batches_done, self.training.batches());
        if done <= steps {
            return Ok(());
        }
        Err(FileError::Content {
            path: self.folder.checkpoint(),
            expected: format!("at most {steps} batches of an epoch done"),
            found: done.to_string(),
        })
    }

    fn finish(mut self, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
        observer.begin(&Beginning {
            epochs: self.state.config.training.epochs,
            steps: self.training.batches(),
            history: &self.state.history,
            steps_done: self.state.batches_done,
        });
        while self.state.epochs_done < self.state.config.training.epochs {
            if !self.train_epoch(observer)? {
                self.fetch()?;
                self.save_checkpoint()?;
                let RunState {
                    epochs_done,
                    batches_done,
                    ..
                } = self.state;
                return Ok(Outcome::Interrupted {
                    epochs_done,
                    batches_done,
                });
            }
            observer.evaluating(self.state.epochs_done + 1);
            self.finish_epoch(observer)?;
            if let Some(record) = self.state.history.last() {
                observer.epoch(record, &self.network);
            }
        }
        Ok(Outcome::Finished {
            history: self.state.history,
        })
    }

    /// Evaluates, and writes everything down.
    fn finish_epoch(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.fetch()?;
        self.network.solve_as_configured()?;
        let norm = self.state.config.network.batch_norm;
        if norm.moments == Moments::Estimated {
            // Batches of the epoch to come: as good as any, and the same for a resumed run.
            let batches = self
                .training
                .epoch(self.state.epochs_done + 1, 0)
                .take(norm.estimation_batches);
            let images: Result<Vec<Tensor>, NetError> =
                batches.map(|batch| Tensor::from_batch(&batch)).collect();
            let estimated = self.network.estimate_moments(images?);
            estimated.map_err(|error| self.diverged(error, self.state.batches_done))?;
        }
        let evaluation = evaluate_here(&self.network, &self.test)
            .map_err(|error| self.diverged(error, self.state.batches_done))?;
        if !evaluation.loss.is_finite() {
            let what = "the test loss after it".to_string();
            return Err(self.non_finite(self.state.batches_done, what));
        }
        self.input.active = evaluation.active;
        let sums = std::mem::take(&mut self.state.sums);
        let record = EpochRecord {
            epoch: self.state.epochs_done + 1,
            learning_rate: self.rate_of(self.training.batches() - 1),
            train_loss: sums.mean_loss(),
            train_error: sums.error(),
            test_loss: evaluation.loss,
            test_error: evaluation.error,
            images_per_second: sums.images_per_second(),
            seconds: sums.seconds,
            layers: sums.layer_records(&self.network.conditions()),
        };
        observer.evaluated(&record, &self.network);
        self.state.history.push(record);
        self.state.epochs_done += 1;
        self.state.batches_done = 0;
        // The model and the metrics follow from the checkpoint: a run that ends between them is resumed without loss.
        self.save_checkpoint()?;
        self.save_model()?;
        self.write_metrics()?;
        Ok(())
    }

    /// Brings what training has moved from the device.
    fn fetch(&mut self) -> Result<(), TrainError> {
        let fetched = self.network.fetch();
        fetched.map_err(|error| self.diverged(error, self.state.batches_done))?;
        Ok(self.optimizer.fetch(&self.network)?)
    }

    fn save_checkpoint(&self) -> Result<(), FileError> {
        checkpoint::save(
            &self.folder.checkpoint(),
            &self.network,
            &self.input,
            self.optimizer.velocity(),
            &self.state,
        )
    }

    fn save_model(&self) -> Result<(), FileError> {
        let (path, none) = (self.folder.model(), Default::default());
        crate::model::save_parts(&self.network, &self.input, None, none, &path)
    }

    /// All lines, from the history: after a resumption none is missing and none is doubled.
    fn write_metrics(&self) -> Result<(), FileError> {
        let path = self.folder.metrics();
        let mut lines = Vec::new();
        for record in &self.state.history {
            serde_json::to_writer(&mut lines, record)
                .map_err(|error| FileError::io(&path, "write", error.into()))?;
            lines.push(b'\n');
        }
        write_atomically(&path, |out| out.write_all(&lines))
    }
}
