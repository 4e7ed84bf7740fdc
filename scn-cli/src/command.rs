//! One file per command.

pub mod solve;
pub mod train;
