//! What can go wrong on a graphics processor, one line each.

mod argument;
mod capture;
mod setup;

pub use argument::ArgumentError;
pub use capture::CaptureError;
pub use setup::SetupError;

/// Why something cannot be done on a graphics processor.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The machine lacks something that is needed before anything can be computed.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// An argument does not fit.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// The device's memory does not suffice.
    #[error("the device is out of memory: {needed} bytes are needed, and {free} are free")]
    OutOfMemory {
        /// Bytes asked for.
        needed: usize,
        /// Bytes that are free.
        free: usize,
    },
    /// The driver refuses to start a kernel.
    #[error("the kernel {kernel} cannot be started: {reason}")]
    Launch {
        /// Its name.
        kernel: String,
        /// The driver's reason.
        reason: String,
    },
    /// Any other call that fails, or a kernel that failed earlier and is noticed now.
    #[error("the CUDA driver fails to {action}: {reason}")]
    Driver {
        /// What was to be done.
        action: &'static str,
        /// The driver's reason.
        reason: String,
    },
    /// The exchange between devices failed.
    #[error("the devices cannot exchange: NCCL says {reason}")]
    Nccl {
        /// The library's code.
        reason: String,
    },
    /// Work cannot be recorded as a graph; without one it can still be done.
    #[error(transparent)]
    Capture(#[from] CaptureError),
}
