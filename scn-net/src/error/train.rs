//! Training runs that cannot start or go on.

use std::path::PathBuf;

use scn_data::DataError;

use super::config::ConfigError;
use super::file::ModelFileError;
use super::net::NetError;

/// A training run that cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A model or checkpoint.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// Images.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A computation with wrong shapes.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The run folder holds another run.
    #[error("{path} already holds a run; resume it, or choose another folder", path = path.display())]
    Occupied {
        /// The run folder.
        path: PathBuf,
    },
    /// Another process is at work in the run folder.
    #[error("{path}: another process trains there; wait until it ends, or choose another folder", path = path.display())]
    Busy {
        /// The run folder.
        path: PathBuf,
    },
    /// A run cannot go on with other images than it began with.
    #[error(
        "{path}: expected the images that the run began with, found others in {dataset}",
        path = path.display()
    )]
    OtherImages {
        /// The checkpoint.
        path: PathBuf,
        /// Where the images come from.
        dataset: String,
    },
    /// There is nothing to resume.
    #[error("{path} holds no checkpoint to resume from", path = path.display())]
    NoCheckpoint {
        /// The run folder.
        path: PathBuf,
    },
    /// Loss or parameters are no longer finite.
    #[error(
        "training diverged in epoch {epoch}, step {step}: {what} is not finite; the last checkpoint is intact, \
         try a lower training.learning_rate"
    )]
    NonFinite {
        /// Epoch, from 1.
        epoch: u64,
        /// Step of the epoch, from 1.
        step: usize,
        /// What is not finite: the loss, or the first parameter or gradient.
        what: String,
    },
}
