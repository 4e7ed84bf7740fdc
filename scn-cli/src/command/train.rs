//! `scn train`: trains a network.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use scn_data::{DataSource, Dataset, DatasetName};
use scn_net::{
    Checkpoint, Device, EpochRecord, LockedRun, Outcome, RunConfig, RunFolder, RunStart,
    chosen_epoch, presets,
};
use scn_solvers::processes::Processes;
use serde::Serialize;

use crate::configuration::annotated;
use crate::data_folder::{DataFolder, parse_source};
use crate::ending::{self, Ending};
use crate::model_file;
use crate::output::Output;
use crate::readable::counted;
use crate::run_files::read_settings;
use crate::setting;
use crate::training;

/// Trains a network; without arguments, a small one on the embedded handwritten digits, in under a
/// minute.
///
/// The run folder receives config.toml, metrics.jsonl, checkpoint.safetensors, model.safetensors, a
/// report (report.html, report.md, plots) and events for TensorBoard. Ctrl-C writes a checkpoint
/// and stops; --resume continues the run, bit-identical to an uninterrupted one. If built with the
/// feature mpi, the processes started by mpirun share the run, also with bit-identical results.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn train\n  scn train --preset mnist-scn1 --data data --epochs 3\n  \
    scn train --preset cifar10-scn1 --out runs/mine --set training.learning_rate=0.05\n  \
    scn train --dataset folder:pictures --test-share 0.2 --set pictures.size=[32,32]\n  scn train --out runs/mine --resume\n  \
    scn train --preset cifar10-scn1 --epochs 20 --print-config > mine.toml\n  scn train --config mine.toml"
)]
pub(crate) struct Train {
    /// Preset: digits, mnist-scn1, cifar10-scn1, ..., or scn1, scn2, scn4 for any images (scn
    /// presets lists all)
    #[arg(
        help_heading = "Input",
        long,
        value_name = "NAME",
        conflicts_with = "config"
    )]
    preset: Option<String>,
    /// File of settings, such as a run's config.toml
    #[arg(help_heading = "Input", long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Data set: a name, folder:DIR for your own image files (DIR/train/CLASS/*.png,
    /// DIR/test/CLASS/*.jpg, or DIR/CLASS/* with --test-share), or npy:PREFIX for arrays
    /// (PREFIX-train-images.npy, -train-labels.npy, -test-images.npy, -test-labels.npy); selects
    /// the preset if none is named
    #[arg(help_heading = "Input", long, value_name = "DATASET", value_parser = parse_source)]
    dataset: Option<DataSource>,
    /// Fraction of the images of each class to test on, for folder:DIR without train/ and test/
    #[arg(help_heading = "Input", long, value_name = "FRACTION")]
    test_share: Option<f64>,
    #[command(flatten)]
    data: DataFolder,
    /// Run folder [default: runs/<preset>, numbered if that exists]
    #[arg(help_heading = "Output", long, value_name = "RUN")]
    out: Option<PathBuf>,
    /// Passes over the training images; the learning rate drops at the same fractions of the run
    #[arg(help_heading = "Training", long, value_name = "COUNT")]
    epochs: Option<u64>,
    /// Images per step
    #[arg(help_heading = "Training", long, value_name = "COUNT")]
    batch_size: Option<usize>,
    /// Seed of initial weights, image order and augmentation
    #[arg(help_heading = "Training", long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Trains on at most COUNT images: the first ones or, with --set subset=stratified, the same
    /// fraction of each class
    #[arg(help_heading = "Training", long, value_name = "COUNT")]
    train_limit: Option<usize>,
    /// Tests on at most COUNT images, chosen in the same way
    #[arg(help_heading = "Training", long, value_name = "COUNT")]
    test_limit: Option<usize>,
    /// Changes a setting of config.toml, for example training.momentum=0.8 (repeatable)
    #[arg(help_heading = "Training", long = "set", value_name = "KEY=VALUE", value_parser = setting::parse)]
    settings: Vec<(String, String)>,
    /// Prints all settings of the run with comments, as a file for --config, and does not train
    #[arg(help_heading = "Output", long, conflicts_with = "resume")]
    print_config: bool,
    /// Resumes the run in the run folder; of its settings, only --epochs can be changed
    #[arg(help_heading = "Training", long, conflicts_with_all = ["preset", "config", "dataset", "test_share", "batch_size", "seed", "train_limit", "test_limit", "settings"])]
    resume: bool,
}

/// The output of `scn train --json`.
#[derive(Debug, Serialize)]
struct Summary {
    run: PathBuf,
    finished: bool,
    epochs: u64,
    seconds: f64,
    /// The epoch chosen by the validation images, if there are any.
    best: Option<EpochRecord>,
    last: Option<EpochRecord>,
}

impl Train {
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<Ending> {
        if self.print_config {
            let (config, _) = self.settings()?;
            let text = annotated(&config)?;
            output.result(&config, || text.trim_end().to_string())?;
            return Ok(Ending::Done);
        }
        let processes = device.processes();
        let first = processes.rank() == 0;
        // Whether this call creates the run folder.
        let mut made = false;
        let (config, run, data, start) = if self.resume {
            let (config, run) = self.resumed(&*processes, output)?;
            let data = self.data.open(&config.dataset, &config.reading())?;
            (config, run, data, RunStart::Resume)
        } else {
            // Read the images first, so that a run without images leaves no folder.
            let (config, data) = self.fresh()?;
            let folder = self.out.clone().unwrap_or_else(|| default_folder(&config));
            made = first && (self.out.is_none() || !folder.exists());
            let folder = match &self.out {
                None if first => new_folder(&folder)?,
                _ => folder,
            };
            let run = RunFolder::new(&folder).lock_shared(&*processes)?;
            for warning in config.warnings(data.train.len()) {
                output.warn(warning);
            }
            (config, run, data, RunStart::Fresh)
        };
        let folder = run.folder().clone();
        let ended = training::run(&config, &run, &data, start, device, output);
        drop(run);
        let written = matches!(
            ended,
            Ok((Outcome::Finished { .. } | Outcome::Interrupted { .. }, _))
        );
        if made && !written {
            // Remove the folder if the run has written nothing; fails harmlessly if it contains
            // files.
            let _ = std::fs::remove_dir(folder.path());
        }
        let (outcome, seconds) = ended?;
        let mut summary = Summary {
            run: folder.path().to_path_buf(),
            finished: false,
            epochs: 0,
            seconds,
            best: None,
            last: None,
        };
        let text = match outcome {
            Outcome::Finished { history } => {
                summary.finished = true;
                summary.epochs = history.len() as u64;
                summary.best = chosen_epoch(&history).cloned();
                summary.last = history.last().cloned();
                describe(&summary, &folder)
            }
            Outcome::Interrupted {
                epochs_done,
                batches_done,
            } => {
                summary.epochs = epochs_done;
                format!(
                    "stopped in epoch {} after {}; checkpoint {}\nresume with: scn train --out {} --resume",
                    epochs_done + 1,
                    counted(batches_done as u64, "step"),
                    folder.checkpoint().display(),
                    folder.path().display()
                )
            }
            Outcome::NotBegun => "stopped before the first step; nothing was written".to_string(),
        };
        output.result(&summary, || text)?;
        // The signal may have come after the last epoch.
        Ok(if summary.finished && ending::asked_to_stop().is_none() {
            Ending::Done
        } else {
            Ending::Stopped
        })
    }

    /// Returns the settings as given, and the images they refer to.
    fn fresh(&self) -> Result<(RunConfig, Dataset)> {
        let (config, data) = self.settings()?;
        let data = match data {
            Some(data) => data,
            None => self.data.open(&config.dataset, &config.reading())?,
        };
        config.fits(&data)?;
        Ok((config, data))
    }

    /// Returns the settings as given, and the images if the network depends on them.
    pub(crate) fn settings(&self) -> Result<(RunConfig, Option<Dataset>)> {
        let mut config = match (&self.config, &self.preset) {
            (Some(path), _) => read_settings(path)?,
            (None, Some(name)) => self.preset(name)?,
            (None, None) => {
                let digits = DatasetName::Digits.into();
                self.preset(&presets::for_dataset(
                    self.dataset.as_ref().unwrap_or(&digits),
                ))?
            }
        };
        if let Some(dataset) = &self.dataset {
            config.dataset = dataset.clone();
        }
        config.training.epochs = self.epochs.unwrap_or(config.training.epochs);
        config.training.batch_size = self.batch_size.unwrap_or(config.training.batch_size);
        config.seed = self.seed.unwrap_or(config.seed);
        config.test_share = self.test_share.or(config.test_share);
        config.train_limit = self.train_limit.or(config.train_limit);
        config.test_limit = self.test_limit.or(config.test_limit);
        for (key, value) in &self.settings {
            config.set(key, value)?;
        }
        config.validate()?;
        self.data.expect_use(&config.dataset)?;
        if config.network.input != UNKNOWN_SHAPE {
            return Ok((config, None));
        }
        let data = self.data.open(&config.dataset, &config.reading())?;
        config.network.input = data.train.shape();
        config.network.classes = data.train.classes();
        Ok((config, Some(data)))
    }

    /// Returns a preset by name. A preset for any images takes their shape from a named data set;
    /// for others, it is filled in when the images are read.
    fn preset(&self, name: &str) -> Result<RunConfig> {
        if !presets::ANY_IMAGES.contains(&name) {
            return Ok(presets::get(name)?);
        }
        let Some(dataset) = &self.dataset else {
            bail!(
                "preset {name} is for any images: expected --dataset with a name, folder:DIR or npy:PREFIX, found none"
            );
        };
        let (shape, classes) = match dataset.name() {
            Some(name) => (name.shape(), name.classes()),
            None => (UNKNOWN_SHAPE, 2),
        };
        Ok(presets::for_images(name, dataset.clone(), shape, classes)?)
    }

    /// Returns the settings and the locked folder of the run to resume.
    fn resumed(
        &self,
        processes: &dyn Processes,
        output: &Output,
    ) -> Result<(RunConfig, LockedRun)> {
        let folder = self
            .out
            .clone()
            .unwrap_or_else(|| PathBuf::from("runs/digits"));
        let folder = RunFolder::new(&folder);
        // Fail here if there is no run: locking would create the folder.
        let path = folder.checkpoint();
        if processes.rank() == 0 {
            std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        }
        // Lock before reading the checkpoint: another process may be about to write the next one.
        let run = folder.lock_shared(processes)?;
        let checkpoint = Checkpoint::shared(&path, processes)?;
        model_file::warn_if_unchecked(&checkpoint.model, &path, output);
        let mut config = checkpoint.config;
        config.training.epochs = self.epochs.unwrap_or(config.training.epochs);
        Ok((config, run))
    }
}

/// The shape of images that have not been read yet: a single pixel, which no preset has.
const UNKNOWN_SHAPE: [usize; 3] = [1, 1, 1];

fn default_folder(config: &RunConfig) -> PathBuf {
    let dataset = config.dataset.short_name();
    let name = match &config.preset {
        // The names of all other presets contain the data set.
        Some(preset) if presets::ANY_IMAGES.contains(&preset.as_str()) => {
            format!("{dataset}-{preset}")
        }
        Some(preset) => preset.clone(),
        None => dataset,
    };
    Path::new("runs").join(name)
}

/// Creates the folder, or the first of folder-2, folder-3, ... that does not exist, so that
/// concurrent processes get different folders.
fn new_folder(folder: &Path) -> Result<PathBuf> {
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
    }
    let numbered = (2..).map(|number| PathBuf::from(format!("{}-{number}", folder.display())));
    let mut candidates = std::iter::once(folder.to_path_buf()).chain(numbered);
    let made = candidates.find_map(|candidate| match std::fs::create_dir(&candidate) {
        Ok(()) => Some(Ok(candidate)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => None,
        Err(error) => Some(Err(error)),
    });
    made.unwrap_or_else(|| Err(ErrorKind::AlreadyExists.into()))
        .with_context(|| format!("cannot create {}", folder.display()))
}

/// Describes the result of a complete run.
fn describe(summary: &Summary, folder: &RunFolder) -> String {
    let Some(last) = &summary.last else {
        return "no epochs were requested".to_string();
    };
    let choice = match &summary.best {
        None => format!(
            "test error {:.2} % after {}",
            100.0 * last.test_error,
            counted(last.epoch, "epoch")
        ),
        Some(best) => format!(
            "test error {:.2} % after epoch {} of {}, which has the lowest validation error: {:.2} %",
            100.0 * best.test_error,
            best.epoch,
            last.epoch,
            100.0 * best.validation_error.unwrap_or(f64::NAN),
        ),
    };
    let averaged = last.averaged.as_ref().map_or(String::new(), |averaged| {
        format!(
            "\naveraged weights: test error {:.2} %, {}",
            100.0 * averaged.test_error,
            folder.averaged_model().display()
        )
    });
    format!(
        "{choice}, {:.1} s{averaged}\nmodel  {}\nreport {}",
        summary.seconds,
        folder.chosen_model().display(),
        summary.run.join("report.html").display()
    )
}
