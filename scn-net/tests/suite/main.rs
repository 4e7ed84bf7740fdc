//! `evaluation`: what is seen of it. `inference`: with mirror images, and with another λ1.
//! `gradient`: a whole network against differences. `groups`: of a batch. `runs`: the same bits for
//! any number of threads and through interruptions; `stopped`: before they begin; `own_images`: on those of a program. `processes`: that share batches. `files`: models and checkpoints, whole or of
//! another kind; `damaged`: those that are refused. `finite`: pixels and activations that are not.
//! `learned`: dictionaries that are learned before training. `tools`: what helps gradient descent. `edited`: changes files. `kept`: a checkpoint of an early version. `cuda`: on a graphics
//! processor as here.
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
