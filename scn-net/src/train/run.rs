//! A run in progress, and the files that it writes.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use scn_data::{Dataset, Loader};
use scn_solvers::processes::{Processes, expect_same};

use super::dictionaries::learn_dictionaries;
use super::fit::fit;
use super::images::{self, RunImages};
use super::outcome::Outcome;
use super::start::RunStart;
use crate::buffer::release_memory;
use crate::checkpoint::{self, Checkpoint};
use crate::config::{DictionaryInit, RunConfig};
use crate::device::Device;
use crate::epoch_sums::EpochSums;
use crate::error::{ModelFileError, NetError, TrainError};
use crate::images_checksum::expect_same_images;
use crate::model_file;
use crate::model_input::ModelInput;
use crate::network::Network;
use crate::optimizer::{Arrays, Sgd};
use crate::progress::{Beginning, Observer};
use crate::record::{EpochRecord, chosen_epoch};
use crate::run_folder::{LockedRun, RunFolder};
use crate::run_state::RunState;
use crate::tensor_file::write;

/// A run in progress.
pub(super) struct Run {
    folder: RunFolder,
    /// Whether this process writes the files.
    files: bool,
    /// The processes that share the run.
    pub(super) processes: Arc<dyn Processes>,
    pub(super) network: Network,
    input: ModelInput,
    pub(super) optimizer: Sgd,
    pub(super) state: RunState,
    pub(super) training: Loader,
    /// The images set apart to choose the best epoch.
    pub(super) validation: Option<Loader>,
    pub(super) test: Loader,
    /// The number of images of each step whose report has not been counted yet.
    pub(super) asked: VecDeque<usize>,
}

impl Run {
    /// Starts or resumes a run. Returns None if the observer stops it first.
    pub(super) fn begin(
        config: &RunConfig,
        data: &Dataset,
        run: &LockedRun,
        start: RunStart,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Option<Self>, TrainError> {
        let folder = run.folder().clone();
        let files = run.keeps_files();
        let processes = device.processes();
        let resumed = match start {
            RunStart::Fresh => None,
            RunStart::Resume => Some(Checkpoint::shared(&folder.checkpoint(), &*processes)?),
        };
        let epochs = config.training.epochs;
        let mut config = resumed
            .as_ref()
            .map_or(config, |checkpoint| &checkpoint.config)
            .clone();
        config.training.epochs = epochs;

        config.fits(data)?;
        expect_same_images(&*processes, &[&data.train, &data.test])?;
        let settings = config.to_toml()?;
        let same = expect_same(&*processes, "settings", settings.as_bytes());
        same.map_err(NetError::from)?;
        let checksum = images::checksum(data);
        if let Some(checkpoint) = &resumed
            && checkpoint.images.is_some()
            && checkpoint.images != checksum
        {
            return Err(TrainError::OtherImages {
                path: folder.checkpoint(),
                dataset: config.dataset.to_string(),
            });
        }
        let RunImages {
            training: images,
            validation,
            test,
        } = RunImages::of(&config, data)?;
        let fitted = resumed
            .as_ref()
            .and_then(|checkpoint| checkpoint.model.input.normalization.clone());
        let normalization = match fitted {
            Some(normalization) => normalization,
            None => match fit(&images, &config, &*processes, observer)? {
                Some(normalization) => normalization,
                None => return Ok(None),
            },
        };
        let shared = Arc::new(normalization.clone());
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
        let training = match config.training.mixup {
            Some(alpha) => training.with_mixup(alpha)?,
            None => training,
        };
        let validation = validation
            .map(|images| Loader::in_order(images, Arc::clone(&shared), batch))
            .transpose()?;
        let test = Loader::in_order(test, shared, batch)?;

        let input = ModelInput {
            dataset: config.dataset.clone(),
            reading: config.reading(),
            brightest: data.train.brightest(),
            normalization: Some(normalization),
            class_names: data.train.class_names().to_vec(),
            active: resumed.as_ref().map_or(Vec::new(), |checkpoint| {
                checkpoint.model.input.active.clone()
            }),
        };
        let mut optimizer = Sgd::new(&config.training);
        let recompute = config.training.recompute;
        let label_smoothing = config.training.label_smoothing;
        let (mut network, state) = match resumed {
            None => {
                let mut network = Network::new(&config.network, config.seed)?;
                if config.network.dictionary == DictionaryInit::Learned
                    && !learn_dictionaries(&mut network, &training, &config, &*processes, observer)?
                {
                    return Ok(None);
                }
                let sums = EpochSums::default();
                (
                    network,
                    RunState {
                        config,
                        epochs_done: 0,
                        batches_done: 0,
                        sums,
                        images: checksum,
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
                    optimizer: resumed,
                    ..
                } = checkpoint;
                let steps = epochs_done * training.batches() as u64 + batches_done as u64;
                optimizer.resume(steps, resumed);
                (
                    model.network,
                    RunState {
                        config,
                        epochs_done,
                        batches_done,
                        sums,
                        images: checksum,
                        history,
                    },
                )
            }
        };
        network.set_recompute(recompute);
        network.set_label_smoothing(label_smoothing)?;
        network.move_to(device)?;
        // Release the memory that an earlier run kept for reuse, so that it counts as free.
        release_memory();
        let images = batch.min(training.image_set().len());
        let room = network.check_training_memory(images);
        room.map_err(NetError::from)?;
        let mut run = Self {
            folder,
            files,
            processes,
            network,
            input,
            optimizer,
            state,
            training,
            validation,
            test,
            asked: VecDeque::new(),
        };
        run.expect_batches()?;
        if run.files {
            let folder = run.folder.path();
            let removed = scn_data::remove_unfinished(folder);
            removed.map_err(|source| ModelFileError::io(folder, "clean up", source))?;
        }
        if run.state.epochs_done > 0 && run.state.batches_done == 0 {
            let averaged = run.averaged(run.state.epochs_done)?;
            run.save_models(averaged.as_ref())?;
        }
        let config = run.state.config.to_toml()?;
        if run.files {
            write(&run.folder.config(), |out| out.write_all(config.as_bytes()))?;
        }
        run.write_metrics()?;
        Ok(Some(run))
    }

    /// Checks that the number of completed batches is not larger than that of an epoch.
    fn expect_batches(&self) -> Result<(), ModelFileError> {
        let (done, steps) = (self.state.batches_done, self.training.batches());
        if done <= steps {
            return Ok(());
        }
        Err(ModelFileError::Content {
            path: self.folder.checkpoint(),
            expected: format!("at most {steps} batches of an epoch done"),
            found: done.to_string(),
        })
    }

    pub(super) fn finish(mut self, observer: &mut dyn Observer) -> Result<Outcome, TrainError> {
        observer.begin(&Beginning {
            epochs: self.state.config.training.epochs,
            steps: self.training.batches(),
            history: &self.state.history,
            steps_done: self.state.batches_done,
        });
        while self.state.epochs_done < self.state.config.training.epochs && !self.out_of_patience()
        {
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

    /// Whether `training.patience` epochs have passed since the best one.
    fn out_of_patience(&self) -> bool {
        let best = chosen_epoch(&self.state.history);
        match (self.state.config.training.patience, best) {
            (Some(patience), Some(best)) => self.state.epochs_done - best.epoch >= patience,
            _ => false,
        }
    }

    /// Evaluates the network after an epoch, and writes all files.
    fn finish_epoch(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        self.fetch()?;
        self.network.solve_as_configured()?;
        let epoch = self.state.epochs_done + 1;
        self.estimate_moments(epoch)?;
        let measured = self.measure()?;
        let averaged = self.averaged(epoch)?;
        let averaged_record = match &averaged {
            Some(values) => Some(self.measure_averaged(values)?.averaged_record()),
            None => None,
        };
        self.input.active.clone_from(&measured.test.active);
        let sums = std::mem::take(&mut self.state.sums);
        let record = EpochRecord {
            epoch,
            learning_rate: self.rate_of(self.training.batches() - 1),
            train_loss: sums.mean_loss(),
            train_error: sums.error(),
            validation_loss: measured.validation_loss(),
            validation_error: measured.validation_error(),
            test_loss: measured.test.loss,
            test_error: measured.test.error,
            averaged: averaged_record,
            images_per_second: sums.images_per_second(),
            seconds: sums.seconds,
            layers: sums.layer_records(&self.network.conditions()?),
        };
        observer.evaluated(&record, &self.network);
        self.state.history.push(record);
        self.state.epochs_done += 1;
        self.state.batches_done = 0;
        // The model and the metrics follow from the checkpoint, so a run that ends between these
        // writes is resumed without loss.
        self.save_checkpoint()?;
        self.save_models(averaged.as_ref())?;
        self.write_metrics()?;
        Ok(())
    }

    /// Fetches everything that training has changed from the device.
    fn fetch(&mut self) -> Result<(), TrainError> {
        let fetched = self.network.fetch();
        fetched.map_err(|error| self.diverged(error, self.state.batches_done))?;
        Ok(self.optimizer.fetch(&self.network)?)
    }

    fn save_checkpoint(&self) -> Result<(), ModelFileError> {
        if !self.files {
            return Ok(());
        }
        checkpoint::save(
            &self.folder.checkpoint(),
            &self.network,
            &self.input,
            self.optimizer.state(),
            &self.state,
        )
    }

    /// Writes the model after this epoch, also as the best model if it is the best so far, and the
    /// averaged model, whose arrays are `averaged`. Removes a best or averaged model that an
    /// earlier run left in this folder if this run has none.
    fn save_models(&mut self, averaged: Option<&Arrays>) -> Result<(), TrainError> {
        if !self.files {
            return Ok(());
        }
        let save = |network: &Network, input: &ModelInput, path: &Path| {
            model_file::save(network, input, None, Default::default(), path)
        };
        save(&self.network, &self.input, &self.folder.model())?;
        let best = self.folder.best_model();
        match chosen_epoch(&self.state.history) {
            Some(record) if record.epoch == self.state.epochs_done => {
                save(&self.network, &self.input, &best)?;
            }
            Some(_) => {}
            None => remove(&best)?,
        }
        let path = self.folder.averaged_model();
        let Some(averaged) = averaged else {
            return Ok(remove(&path)?);
        };
        let mut input = self.input.clone();
        let record = self.state.history.last();
        if let Some(record) = record.and_then(|record| record.averaged.as_ref()) {
            input.active.clone_from(&record.active);
        }
        let saved = |network: &mut Network| save(network, &input, &path);
        Ok(self.network.with_values(averaged, saved)??)
    }

    /// Writes all lines from the history, so that none is missing or repeated after resuming.
    fn write_metrics(&self) -> Result<(), ModelFileError> {
        if !self.files {
            return Ok(());
        }
        let path = self.folder.metrics();
        let mut lines = Vec::new();
        for record in &self.state.history {
            serde_json::to_writer(&mut lines, record)
                .map_err(|error| ModelFileError::io(&path, "write", error.into()))?;
            lines.push(b'\n');
        }
        write(&path, |out| out.write_all(&lines))
    }
}

/// Removes a file, if it exists.
fn remove(path: &Path) -> Result<(), ModelFileError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(ModelFileError::io(path, "remove", source))
        }
        _ => Ok(()),
    }
}
