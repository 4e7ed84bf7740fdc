//! Training of a network, from a configuration to a run folder.

mod dictionaries;
mod epoch;
mod fit;
mod images;
mod measure;
mod outcome;
mod run;
mod start;
mod stop;

use std::path::Path;

use scn_data::Dataset;

pub use self::outcome::Outcome;
use self::run::Run;
pub use self::start::RunStart;
use crate::config::RunConfig;
use crate::device::Device;
use crate::error::TrainError;
use crate::progress::Observer;
use crate::run_folder::{LockedRun, RunFolder};

/// Trains a network as configured and writes its run folder.
///
/// `config.toml` is written at the start. After each epoch, `checkpoint.safetensors`,
/// `model.safetensors` and `metrics.jsonl` are written in this order, each atomically. With
/// `training.validation`, `model-best.safetensors` holds the network after the best epoch so far.
/// With `training.average_decay`, `model-averaged.safetensors` holds the average of the network
/// over the steps so far. The process may be killed at any point: a resumed run restores the other
/// files from the checkpoint. No other process can train in the folder at the same time.
///
/// The same configuration and data give bit-identical results for any number of threads, however
/// often the run is interrupted and resumed, and for any number of processes that
/// [share](Device::shared_by) the device. The first process writes the run folder. All processes
/// stop when one of them is asked to. With [`RunStart::Resume`], only `training.epochs` is taken
/// from `config`; all other settings come from the checkpoint.
///
/// # Errors
/// Returns an error if settings or data are invalid, if the folder already holds a run (or none to
/// resume), if another process is training in it, if a file cannot be read or written, or if a loss
/// or parameter is no longer finite. The last checkpoint stays as it is.
///
/// # Example
///
/// ```
/// use scn_net::scn_data::{DatasetName, open};
/// use scn_net::{Device, Model, Outcome, RunFolder, RunStart, Silent, presets, train};
/// # use std::path::Path;
///
/// // One epoch on a few images.
/// let mut config = presets::get("digits")?;
/// config.training.epochs = 1;
/// (config.train_limit, config.test_limit) = (Some(64), Some(32));
/// let digits = open(DatasetName::Digits, Path::new(""))?;
/// let folder = tempfile::tempdir()?;
/// let out = folder.path().join("run");
/// let outcome = train(&config, &digits, &out, RunStart::Fresh, &Device::cpu(None)?, &mut Silent)?;
///
/// assert!(matches!(outcome, Outcome::Finished { history } if history.len() == 1));
/// let model = Model::load(&RunFolder::new(&out).model())?;
/// assert_eq!(model.network.config(), &config.network);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn train(
    config: &RunConfig,
    data: &Dataset,
    out: &Path,
    start: RunStart,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    config.validate()?;
    let folder = RunFolder::new(out);
    let processes = device.processes();
    if processes.rank() == 0 {
        // Check first, so that no useless folder is created.
        expect_run(&folder, start)?;
    }
    let run = folder.lock_shared(&*processes)?;
    train_locked(config, data, &run, start, device, observer)
}

/// Same as [`train`], but in a folder that is already locked.
///
/// # Errors
/// Same as [`train`].
pub fn train_locked(
    config: &RunConfig,
    data: &Dataset,
    run: &LockedRun,
    start: RunStart,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    config.validate()?;
    if run.keeps_files() {
        expect_run(run.folder(), start)?;
    }
    device.run(
        || match Run::begin(config, data, run, start, device, observer)? {
            Some(run) => run.finish(observer),
            None => Ok(Outcome::NotBegun),
        },
    )
}

/// Checks that the folder holds a run if it is to be resumed, and none otherwise.
fn expect_run(folder: &RunFolder, start: RunStart) -> Result<(), TrainError> {
    let path = || folder.path().to_path_buf();
    match (start, folder.checkpoint().exists()) {
        (RunStart::Fresh, true) => Err(TrainError::Occupied { path: path() }),
        (RunStart::Resume, false) => Err(TrainError::NoCheckpoint { path: path() }),
        _ => Ok(()),
    }
}
