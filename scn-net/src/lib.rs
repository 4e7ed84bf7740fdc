//! Supervised deep sparse coding networks: layers, assembly and training.
//!
//! # The network
//!
//! A sparse coding layer replaces every k × k window `x` of a feature map by its code (arXiv
//! 1701.08349, eq. (1)),
//!
//! ```text
//! a* = argmin 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||²,  a >= 0
//! ```
//! <!-- math: a^* = \arg\min_{a \ge 0} \; \tfrac12 \lVert x - D a \rVert^2 + \lambda_1^\top a + \tfrac{\lambda_2}2 \lVert a \rVert^2 -->
//!
//! with one dictionary for all windows. Fourteen such layers, a batch normalisation before or after
//! each, a global average and a linear classifier make the network of the paper; [`presets`] builds
//! it for every data set. Gradients come from the optimality conditions of the codes
//! ([`scn_grad`]), never from unrolling a solver.
//!
//! # A training step, in order
//!
//! 1. [`scn_data::Loader`] hands over a batch; [`Tensor::from_batch`] lays it out channel by channel.
//! 2. Each layer of the [`Network`] maps its input; the maps between layers are kept.
//! 3. The loss and its gradient by the logits come at once, from the softmax.
//! 4. The layers, in reverse order, take their input and output and add to the gradients of their parameters.
//! 5. [`Sgd`] moves the parameters, projects λ1 to `>= 0`, and the layers refresh what they derive from them.
//!
//! [`train()`] does this for all epochs of a [`RunConfig`] and keeps the run folder; [`evaluate`]
//! measures; a [`Model`] is what one keeps. A [`Device`] executes the layers: the processor or
//! graphics processors. A [`Layer`] of your own goes in between with [`Network::insert_after`].
//!
//! ```
//! use scn_net::{Network, Tensor, presets};
//!
//! let config = presets::get("cifar10-scn1")?;
//! let network = Network::new(&config.network, 0)?;
//! assert_eq!(network.parameter_count(), 173_896);
//! # Ok::<(), scn_net::ConfigError>(())
//! ```

mod assembly;
mod buffer;
mod checkpoint;
mod checksum;
mod config;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod epoch_sums;
mod error;
mod evaluate;
mod executor;
mod feed;
mod finite;
mod images_checksum;
mod init;
mod layer;
mod learning;
mod memory;
mod model;
mod model_file;
mod model_input;
mod moments;
mod network;
mod on_device;
mod ops;
mod optimizer;
mod param;
mod parts;
mod pass;
pub mod presets;
mod progress;
mod record;
mod report;
mod run_folder;
mod run_state;
mod schedule;
mod shape;
mod share;
mod step;
mod steps;
mod surprises;
mod targets;
mod tensor;
mod tensor_file;
mod train;

/// Data sets and batches, which stand in the signatures of this crate.
pub use scn_data;

/// For the command line, which writes its files as this crate does; no part of the surface that is kept.
#[doc(hidden)]
pub use checkpoint::Checkpoint;
pub use config::{
    BatchNormConfig, DictionaryInit, InputConfig, Lambda1Config, LayerConfig, LearnedConfig,
    Moments, NetworkConfig, NormPlacement, Recompute, RunConfig, Schedule, SolverConfig,
    SolverMethod, TrainingConfig,
};
#[cfg(feature = "cuda")]
pub use device::CudaDevices;
pub use device::{CpuPool, Device};
pub use error::{ConfigError, LayerError, ModelFileError, NetError, TrainError};
pub use evaluate::{
    Evaluation, evaluate, evaluate_average_mirrored, evaluate_average_mirrored_watched,
    evaluate_each,
};
pub use executor::EachBatch;
pub use images_checksum::expect_same_images;
pub use layer::Layer;
pub use learning::{LearnedDictionary, LearningProgress};
pub use model::Model;
pub use model_input::ModelInput;
pub use network::Network;
pub use ops::loss::probabilities;
pub use optimizer::Sgd;
pub use param::{Param, Role};
pub use progress::{Beginning, Observer, Silent, StepProgress};
pub use record::{AveragedRecord, EpochRecord, LayerRecord, chosen_epoch};
pub use report::{Activity, AdjointActivity, KernelTime, LayerTimes, StepReport};
pub use run_folder::{LockedRun, RunFolder};
pub use schedule::{learning_rate, tolerances};
pub use shape::Shape;
pub use surprises::Surprise;
pub use tensor::Tensor;
pub use train::{Outcome, RunStart, train, train_locked};
