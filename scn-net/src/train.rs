//! Training, from a configuration to a run folder.

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

/// Trains as configured and keeps the run folder: `config.toml` at the start;
/// `checkpoint.safetensors`, `model.safetensors` and `metrics.jsonl` after each epoch, each written
/// whole or not at all, in this order; with `training.validation` also `model-best.safetensors`, the
/// network after the best epoch so far, and with `training.average_decay`
/// `model-averaged.safetensors`, its average over the steps so far. A process may be ended at any point: a resumed run makes the
/// others again from the checkpoint. No second process gets into the folder meanwhile.
///
/// The same configuration and data give the same bits, whatever the number of threads and however
/// often the run was interrupted and resumed; and whatever the number of processes that [share](Device::shared_by) the device, of which
/// the first keeps the run folder. Such processes stop when one of them is asked to. With [`RunStart::Resume`] only `training.epochs` of
/// the given configuration counts; all else is the checkpoint's.
///
/// # Errors
/// Wrong settings or data, a folder that holds a run already (or none to resume) or in which
/// another process trains, a refusal of the file system, or a loss or parameter that is no longer
/// finite. The last checkpoint stays as it is.
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
        // A folder for which there is no use is not made.
        expect_run(&folder, start)?;
    }
    let run = folder.lock_shared(&*processes)?;
    train_locked(config, data, &run, start, device, observer)
}

/// As [`train`], in a folder from which others are kept out already.
///
/// # Errors
/// As [`train`].
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

/// `Ok` if the folder holds a run that can be resumed, or none where one is to be begun.
fn expect_run(folder: &RunFolder, start: RunStart) -> Result<(), TrainError> {
    let path = || folder.path().to_path_buf();
    match (start, folder.checkpoint().exists()) {
        (RunStart::Fresh, true) => Err(TrainError::Occupied { path: path() }),
        (RunStart::Resume, false) => Err(TrainError::NoCheckpoint { path: path() }),
        _ => Ok(()),
    }
}
