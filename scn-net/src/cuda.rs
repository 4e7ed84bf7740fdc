//! GPUs: one file for each layer, and the passes through them.
//!
//! Activations, parameters, gradients and momenta stay on the device. All work goes into one stream
//! in the order of the calls, so nothing has to wait in between. All activations are kept for the
//! backward pass, whatever `training.recompute` is, because GPUs have plenty of memory.

mod asked;
mod average_pooling;
mod averages;
mod batch_norm;
mod classifier;
mod contexts;
mod data_parallel;
mod device_report;
mod evaluation;
mod executor;
mod images;
mod inventory;
mod laps;
mod layers;
mod map;
mod merge;
mod network;
mod pipeline;
mod plan;
mod share;
mod slots;
mod solver_settings;
mod sparse_coding;
mod step;
mod team;
mod weights;

pub(crate) use self::data_parallel::DataParallel;
pub(crate) use self::executor::CudaExecutor;
