//! Errors of computing on a GPU, each with a one-line message.

mod argument;
mod capture;
mod setup;

pub use argument::ArgumentError;
pub use capture::CaptureError;
pub use setup::SetupError;

/// An error of computing on a GPU.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The machine lacks a prerequisite for computing on a GPU.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// An argument is invalid.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// The device has too little free memory.
    #[error("the device is out of memory: {needed} bytes needed, {free} free")]
    OutOfMemory {
        /// Number of bytes requested.
        needed: usize,
        /// Number of bytes that are free.
        free: usize,
    },
    /// The driver refused to launch a kernel.
    #[error("the kernel {kernel} cannot be launched: {reason}")]
    Launch {
        /// Name of the kernel.
        kernel: String,
        /// The reason given by the driver.
        reason: String,
    },
    /// Another driver call failed, or the failure of an earlier kernel was detected.
    #[error("the CUDA driver failed to {action}: {reason}")]
    Driver {
        /// The action that failed.
        action: &'static str,
        /// The reason given by the driver.
        reason: String,
    },
    /// The exchange between devices failed.
    #[error("the devices cannot exchange results: NCCL reports {reason}")]
    Nccl {
        /// The error reported by NCCL.
        reason: String,
    },
    /// Work cannot be recorded as a graph. It can still be done without one.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}
