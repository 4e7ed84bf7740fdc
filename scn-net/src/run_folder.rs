//! The folder of a run and the paths of its files.

use std::path::{Path, PathBuf};

use scn_data::FileLock;
use scn_solvers::processes::Processes;

use crate::error::{ModelFileError, TrainError};

/// The paths of the files of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Describes the run folder at `path`, without creating anything.
    ///
    /// # Example
    ///
    /// ```
    /// use std::path::Path;
    /// use scn_net::RunFolder;
    ///
    /// let run = RunFolder::new(Path::new("runs/first"));
    /// assert_eq!(run.config(), Path::new("runs/first/config.toml"));
    /// assert_eq!(run.model(), Path::new("runs/first/model.safetensors"));
    /// ```
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the configuration, which has everything that the run depends on.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Returns the path of the metrics, with one line of JSON per epoch:
    /// [`EpochRecord`](crate::EpochRecord).
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Returns the path of the checkpoint, the latest state of the run.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    /// Returns the path of the network after the latest epoch.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// Returns the path of the network after the epoch chosen by the validation images. Only runs
    /// with validation images have it.
    pub fn best_model(&self) -> PathBuf {
        self.path.join("model-best.safetensors")
    }

    /// Returns the path of the network averaged over the steps so far, after the latest epoch. Only
    /// runs with [`TrainingConfig::average_decay`](crate::TrainingConfig::average_decay) have it.
    pub fn averaged_model(&self) -> PathBuf {
        self.path.join("model-averaged.safetensors")
    }

    /// Returns the path of the resulting network of a run: [`best_model`](Self::best_model) if it
    /// exists, otherwise [`model`](Self::model).
    pub fn chosen_model(&self) -> PathBuf {
        let best = self.best_model();
        if best.exists() { best } else { self.model() }
    }

    /// Locks the folder against other processes. Creates it if it does not exist.
    ///
    /// # Errors
    /// Returns [`TrainError::Busy`] if another process has locked the folder, or an error if the
    /// folder cannot be created or locked.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{RunFolder, TrainError};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let run = RunFolder::new(folder.path());
    /// let locked = run.lock()?;
    /// assert!(matches!(run.lock(), Err(TrainError::Busy { .. })));
    /// drop(locked);
    /// assert_eq!(run.lock()?.folder(), &run);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Same as [`lock`](Self::lock), but for one of several processes that share a run. The first
    /// process writes the files of the run, the others write nothing.
    ///
    /// # Errors
    /// Same as [`lock`](Self::lock).
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

/// A run folder that is locked against other processes until this is dropped or the process ends.
#[derive(Debug)]
pub struct LockedRun {
    folder: RunFolder,
    /// None in a process that shares the run but does not write its files.
    lock: Option<FileLock>,
}

impl LockedRun {
    /// Whether this process writes the files of the run.
    pub(crate) fn keeps_files(&self) -> bool {
        self.lock.is_some()
    }

    /// Returns the folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }
}
