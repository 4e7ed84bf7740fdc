//! Where the files of a run are.

use std::path::{Path, PathBuf};

use scn_data::FileLock;
use scn_solvers::processes::Processes;

use crate::error::{ModelFileError, TrainError};

/// The files of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Names only; nothing is created.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything the run depends on.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// One line of JSON per epoch: [`EpochRecord`](crate::EpochRecord).
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// The latest state.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    /// The network after the latest epoch.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// The network after the epoch that the validation images have chosen; there in runs with such
    /// images alone.
    pub fn best_model(&self) -> PathBuf {
        self.path.join("model-best.safetensors")
    }

    /// The average of the network over the steps so far, after the latest epoch; there in runs with
    /// [`TrainingConfig::average_decay`](crate::TrainingConfig::average_decay) alone.
    pub fn averaged_model(&self) -> PathBuf {
        self.path.join("model-averaged.safetensors")
    }

    /// The network that a run has come to: [`best_model`](Self::best_model) where there is one,
    /// otherwise [`model`](Self::model).
    pub fn chosen_model(&self) -> PathBuf {
        let best = self.best_model();
        if best.exists() { best } else { self.model() }
    }

    /// Keeps other processes out of the folder, which is made where there is none.
    ///
    /// # Errors
    /// [`TrainError::Busy`] if another process is at work here, or a refusal of the file system.
    pub fn lock(&self) -> Result<LockedRun, TrainError> {
        let path = self.path.join(".lock");
        let refused = |source| ModelFileError::io(&path, "lock", source);
        std::fs::create_dir_all(&self.path).map_err(refused)?;
        let lock = FileLock::take(&path).map_err(refused)?;
        let lock = lock.ok_or_else(|| TrainError::Busy {
            path: self.path.clone(),
        })?;
        Ok(LockedRun {
            folder: self.clone(),
            lock: Some(lock),
        })
    }

    /// As [`lock`](Self::lock), for one of several processes that share a run: the first keeps its files, the others write nothing.
    ///
    /// # Errors
    /// As there.
    pub fn lock_shared(&self, processes: &dyn Processes) -> Result<LockedRun, TrainError> {
        if processes.rank() == 0 {
            return self.lock();
        }
        Ok(LockedRun {
            folder: self.clone(),
            lock: None,
        })
    }
}

/// A run folder that no other process trains in, until this is dropped or the process ends.
#[derive(Debug)]
pub struct LockedRun {
    folder: RunFolder,
    /// None in a process that shares the run with the one that keeps its files.
    lock: Option<FileLock>,
}

impl LockedRun {
    /// Whether this process keeps the files.
    pub(crate) fn keeps_files(&self) -> bool {
        self.lock.is_some()
    }

    /// Its files.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }
}
