//! Where the files of a run are.

use std::path::{Path, PathBuf};

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
}
