//! The CPU executor: one file for each layer, and the passes through them.

mod average_pooling;
mod batch_norm;
mod classifier;
mod clock;
mod counts;
mod custom;
mod descent;
mod evaluation;
mod executor;
mod layers;
mod segments;
mod solvers;
mod sparse_coding;

pub(crate) use self::executor::CpuExecutor;
