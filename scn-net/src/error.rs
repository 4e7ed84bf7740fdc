//! What can go wrong. Errors know nothing of the rest of the crate.

mod config;
mod file;
mod net;
mod train;

pub use self::config::ConfigError;
pub use self::file::ModelFileError;
pub use self::net::{LayerError, NetError};
pub use self::train::TrainError;
