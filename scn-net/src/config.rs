//! The settings of a run, as stored in `config.toml`.

mod batch_norm;
mod input;
mod learned;
mod network;
mod range;
mod run;
mod solver;
mod text;
mod training;

pub use self::batch_norm::{BatchNormConfig, Moments, NormPlacement};
pub use self::input::InputConfig;
pub use self::learned::LearnedConfig;
pub use self::network::{DictionaryInit, Lambda1Config, LayerConfig, NetworkConfig};
pub(crate) use self::range::check_label_smoothing;
pub use self::run::RunConfig;
pub use self::solver::{SolverConfig, SolverMethod};
pub use self::training::{Recompute, Schedule, TrainingConfig};
