//! Errors of a machine that is not set up for computing on a GPU.

use std::path::PathBuf;

use crate::version::{ComputeCapability, CudaVersion};

/// A missing prerequisite: a library, a device, or a compatible version of either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The driver's library is not installed.
    #[error("there is no CUDA driver: the library libcuda (nvcuda on Windows) was not found")]
    NoDriver,
    /// The compiler's library is not installed.
    #[error(
        "there is no CUDA compiler: the library libnvrtc (CUDA 11.2 to 13) was not found; it comes with the CUDA toolkit and with the \
         Python packages nvidia-cuda-nvrtc (CUDA 13) and nvidia-cuda-nvrtc-cu12, whose folder must then be in LD_LIBRARY_PATH"
    )]
    NoCompiler,
    /// NCCL, the library for exchange between devices, is not installed.
    #[error(
        "there is no NCCL, which several devices need: the library libnccl.so (2.22 or later) was not found; if there is only libnccl.so.2, add a link named libnccl.so"
    )]
    NoNccl,
    /// The system cannot load a library.
    #[error("{library} cannot be loaded: {reason}")]
    LibraryRefused {
        /// The library.
        library: &'static str,
        /// The reason given by the system.
        reason: String,
    },
    /// A library lacks a function.
    #[error("{library} lacks the function {function}: it is damaged or not NVIDIA's; reinstall it")]
    LibraryLacks {
        /// The library.
        library: &'static str,
        /// The first missing function.
        function: String,
    },
    /// The driver supports only CUDA versions that are too old.
    #[error("the driver supports CUDA {found}, but {needed} is needed: install a newer driver")]
    DriverTooOld {
        /// The latest CUDA version that the driver supports.
        found: CudaVersion,
        /// The required version.
        needed: CudaVersion,
    },
    /// The driver finds no device.
    #[error("the CUDA driver finds no device")]
    NoDevice,
    /// No device has this index.
    #[error("there is no device {index}: the CUDA driver finds {count}, counted from 0")]
    DeviceIndex {
        /// The requested index.
        index: usize,
        /// Number of devices.
        count: usize,
    },
    /// A device is too old.
    #[error("device {index} has compute capability {found}, but {needed} is needed")]
    ComputeCapability {
        /// Index of the device.
        index: usize,
        /// Compute capability of the device.
        found: ComputeCapability,
        /// The required compute capability.
        needed: ComputeCapability,
    },
    /// The compiler failed before compiling anything.
    #[error("the CUDA compiler failed to {action}: {reason}")]
    Compiler {
        /// The action that failed.
        action: &'static str,
        /// The error reported by the compiler.
        reason: String,
    },
    /// The compiler does not find its second library.
    #[error(
        "the CUDA compiler {} does not find its library {missing}: LD_LIBRARY_PATH must contain the folder that holds both",
        library.display()
    )]
    CompilerIncomplete {
        /// File of the compiler, if known.
        library: PathBuf,
        /// The missing library.
        missing: String,
    },
    /// The compiler is too old.
    #[error("the CUDA compiler has version {found}, but {needed} or later is needed")]
    CompilerTooOld {
        /// Version of the compiler.
        found: CudaVersion,
        /// The required version.
        needed: CudaVersion,
    },
    /// The compiler no longer supports the device's architecture.
    #[error(
        "the CUDA compiler {compiler} no longer supports compute capability {capability}: install an older one"
    )]
    CompilerTooNew {
        /// Version of the compiler.
        compiler: CudaVersion,
        /// Compute capability of the device.
        capability: ComputeCapability,
    },
    /// The major version of the compiler is later than that of the driver.
    #[error(
        "the driver supports CUDA {driver}, but the CUDA compiler has version {compiler}: install a newer driver or an older compiler"
    )]
    CompilerTooNewForDriver {
        /// Version of the compiler.
        compiler: CudaVersion,
        /// The latest CUDA version that the driver supports.
        driver: CudaVersion,
    },
    /// The compiler does not support an architecture.
    #[error(
        "the CUDA compiler {compiler} does not support {architecture}, only compute capability {known}"
    )]
    UnknownArchitecture {
        /// The requested architecture, such as `sm_61`.
        architecture: String,
        /// Version of the compiler.
        compiler: CudaVersion,
        /// The compute capabilities that the compiler supports.
        known: String,
    },
    /// The compiler rejected a file.
    #[error("{file} does not compile for {architecture}: {message}")]
    Compile {
        /// Name of the file.
        file: &'static str,
        /// The architecture it was compiled for.
        architecture: String,
        /// The first error in the compiler's log.
        message: String,
    },
    /// Some kernels are not compiled yet, and this machine cannot compile them.
    #[error("{} has no compiled {kernels} kernels for this device, and they cannot be compiled here: {reason}", folder.display())]
    NotCompiled {
        /// Name of the file of kernels.
        kernels: String,
        /// The folder of compiled kernels.
        folder: PathBuf,
        /// The reason why they cannot be compiled.
        reason: Box<SetupError>,
    },
    /// Compiled kernels cannot be written.
    #[error("compiled kernels cannot be written to {}: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The reason given by the system.
        reason: String,
    },
}
