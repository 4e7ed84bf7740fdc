//! Tests of networks, models and runs, by module:
//!
//! - `cuda`: GPUs compute the same as the CPU.
//! - `custom`: custom layers.
//! - `damaged`: files that are refused.
//! - `edited`: a helper that changes files.
//! - `evaluation`: what callers see of an evaluation.
//! - `files`: models and checkpoints, whole or of a different kind.
//! - `finite`: pixels and activations that are not finite.
//! - `gradient`: the gradient of a whole network against differences.
//! - `groups`: normalisation in groups of a batch.
//! - `inference`: evaluation with mirror images and with a scaled λ1.
//! - `kept`: a checkpoint of an early version.
//! - `learned`: dictionaries that are learned before training.
//! - `own_images`: runs on images that a program provides.
//! - `processes`: processes that share batches.
//! - `runs`: runs are bit-identical for any number of threads and through interruptions.
//! - `stopped`: runs and evaluations that an observer stops early.
//! - `tools`: clipping, smoothing, mixup and averaging.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(feature = "cuda")]
mod cuda;
mod custom;
mod damaged;
mod edited;
mod evaluation;
mod files;
mod finite;
mod gradient;
mod groups;
mod inference;
mod kept;
mod learned;
mod own_images;
mod processes;
#[path = "../../examples/custom_layer/rms_norm.rs"]
mod rms_norm;
mod runs;
mod small;
mod stopped;
mod tools;
