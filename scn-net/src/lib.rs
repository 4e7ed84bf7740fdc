//! Supervised deep sparse coding networks: layers, assembly and training.
//!
//! # The network
//!
//! A sparse coding layer replaces every k × k window `x` of a feature map with its code (arXiv
//! 1701.08349, eq. (1)),
//!
//! ```text
//! a* = argmin 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||²,  a >= 0
//! ```
//! <!-- math: a^* = \arg\min_{a \ge 0} \; \tfrac12 \lVert x - D a \rVert^2 + \lambda_1^\top a + \tfrac{\lambda_2}2 \lVert a \rVert^2 -->
//!
//! with one dictionary for all windows. The network of the paper has fourteen such layers, each
//! with a batch normalisation before or after it, then global average pooling and a linear
//! classifier. [`presets`] defines it for every data set. Gradients come from the optimality
//! conditions of the codes ([`scn_grad`]), never from unrolling a solver.
//!
//! # A training step
//!
//! 1. [`scn_data::Loader`] yields a batch, and [`Tensor::from_batch`] lays it out channel by
//!    channel.
//! 2. Each layer of the [`Network`] transforms its input; the feature maps between layers are kept.
//! 3. The softmax yields both the loss and its gradient with respect to the logits.
//! 4. The layers, in reverse order, compute the gradients of their parameters and of their input.
//! 5. [`Sgd`] updates the parameters and projects λ1 to `>= 0`; the layers update the data derived
//!    from them.
//!
//! [`train()`] does this for all epochs of a [`RunConfig`] and writes the run folder. [`evaluate`]
//! measures the error of a network. A [`Model`] is a network with the preprocessing of its input,
//! and can be saved. A [`Device`], the CPU or GPUs, executes the layers. [`Network::insert_after`]
//! inserts your own [`Layer`].
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
mod targets;
mod tensor;
mod tensor_file;
mod train;
mod warnings;

/// Data sets and batches, which appear in the signatures of this crate.
pub use scn_data;

/// For the command line, which reads checkpoints; not part of the stable API.
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
pub use tensor::Tensor;
pub use train::{Outcome, RunStart, train, train_locked};
pub use warnings::SettingWarning;

/// The examples in README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
