//! The layers between the codes and the loss.

pub mod batch_norm;
pub mod classifier;
pub mod loss;
pub mod pooling;
