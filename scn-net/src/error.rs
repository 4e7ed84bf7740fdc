//! The errors of this crate. They depend on no other module except that of shapes.

mod config;
mod file;
mod net;
mod train;

pub use self::config::ConfigError;
pub use self::file::ModelFileError;
pub use self::net::{LayerError, NetError};
pub use self::train::TrainError;
