//! Errors of training runs.

use std::path::PathBuf;

use scn_data::DataError;

use super::config::ConfigError;
use super::file::ModelFileError;
use super::net::NetError;

/// A training run that cannot start or continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An invalid setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A model or checkpoint that cannot be read or written.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// Images that cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An error of the network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A run folder that already holds a run.
    #[error("{path} already holds a run; resume it, or choose another folder", path = path.display())]
    Occupied {
        /// The run folder.
        path: PathBuf,
    },
    /// A run folder in which another process is training.
    #[error("{path}: another process is training there; wait until it ends, or choose another folder", path = path.display())]
    Busy {
        /// The run folder.
        path: PathBuf,
    },
    /// A resumed run whose images differ from those that it began with.
    #[error(
        "{path}: expected the images that the run began with, found different ones in {dataset}",
        path = path.display()
    )]
    OtherImages {
        /// The checkpoint.
        path: PathBuf,
        /// The source of the images.
        dataset: String,
    },
    /// A run folder without a checkpoint to resume from.
    #[error("{path} holds no checkpoint to resume from", path = path.display())]
    NoCheckpoint {
        /// The run folder.
        path: PathBuf,
    },
    /// A loss, parameter, gradient or activation that is no longer finite.
    #[error(
        "training diverged in epoch {epoch}, step {step}: {what} is not finite; the last checkpoint is intact; \
         try a lower training.learning_rate"
    )]
    NonFinite {
        /// The epoch, counted from 1.
        epoch: u64,
        /// The step of the epoch, counted from 1.
        step: usize,
        /// A description of what is not finite.
        what: String,
    },
}
