//! Compilation of the kernels, and the cache of compiled kernels.

pub(crate) mod ahead;
pub(crate) mod cache;
pub(crate) mod compiler;
pub(crate) mod kernel_file;
pub(crate) mod modules;
pub(crate) mod nvrtc;
mod nvrtc_files;
pub(crate) mod supply;
pub(crate) mod unit;
