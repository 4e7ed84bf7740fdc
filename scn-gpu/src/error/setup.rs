//! What a machine lacks before anything can be computed on its graphics processors.

use std::path::PathBuf;

use crate::version::{ComputeCapability, CudaVersion};

/// What a machine lacks: a library, a device, or one of these in a version that fits the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The driver's library is not installed.
    #[error("there is no CUDA driver: the library libcuda (nvcuda on Windows) was not found")]
    NoDriver,
    /// The compiler's library is not installed.
    #[error(
        "there is no CUDA compiler: the library libnvrtc, of CUDA 11.2 to 13, was not found; it is part of the CUDA toolkit, and of the \
         Python packages nvidia-cuda-nvrtc (CUDA 13) and nvidia-cuda-nvrtc-cu12, whose folder must then be in LD_LIBRARY_PATH"
    )]
    NoCompiler,
    /// The library for exchange between devices is not installed.
    #[error(
        "there is no NCCL: the library libnccl.so, of version 2.22 or later, was not found (libnccl.so.2 alone needs a link of that name); several devices need it, one does not"
    )]
    NoNccl,
    /// The system refuses to load a library.
    #[error("{library} cannot be loaded: {reason}")]
    LibraryRefused {
        /// Which library.
        library: &'static str,
        /// The system's reason.
        reason: String,
    },
    /// A library lacks a function.
    #[error(
        "{library} lacks the function {function}: it is damaged or no library of NVIDIA's, install it anew"
    )]
    LibraryLacks {
        /// Which library.
        library: &'static str,
        /// The first function that it lacks.
        function: String,
    },
    /// The driver supports only an older CUDA than needed.
    #[error("the driver supports CUDA {found}, but {needed} is needed: install a newer driver")]
    DriverTooOld {
        /// The latest CUDA that the driver supports.
        found: CudaVersion,
        /// What is needed.
        needed: CudaVersion,
    },
    /// The driver is there, but no device.
    #[error("the CUDA driver sees no device")]
    NoDevice,
    /// No device has this index.
    #[error("there is no device {index}: the CUDA driver sees {count}, counted from 0")]
    DeviceIndex {
        /// The index asked for.
        index: usize,
        /// Number of devices.
        count: usize,
    },
    /// A device is too old.
    #[error("device {index} has compute capability {found}, but {needed} is needed")]
    ComputeCapability {
        /// The device.
        index: usize,
        /// What it has.
        found: ComputeCapability,
        /// What is needed.
        needed: ComputeCapability,
    },
    /// The compiler fails before it compiles anything.
    #[error("the CUDA compiler fails to {action}: {reason}")]
    Compiler {
        /// What was to be done.
        action: &'static str,
        /// The compiler's reason.
        reason: String,
    },
    /// The compiler lacks its second library.
    #[error(
        "the CUDA compiler {} misses its library {missing}: LD_LIBRARY_PATH must contain the folder that holds both",
        library.display()
    )]
    CompilerIncomplete {
        /// The compiler's file, as far as it is known.
        library: PathBuf,
        /// The library that it misses.
        missing: String,
    },
    /// The compiler is too old.
    #[error("the CUDA compiler is of version {found}, but {needed} or later is needed")]
    CompilerTooOld {
        /// Its version.
        found: CudaVersion,
        /// What is needed.
        needed: CudaVersion,
    },
    /// The compiler no longer supports the device's architecture.
    #[error(
        "the CUDA compiler {compiler} no longer knows devices of compute capability {capability}: install an older one"
    )]
    CompilerTooNew {
        /// Its version.
        compiler: CudaVersion,
        /// What the device has.
        capability: ComputeCapability,
    },
    /// The compiler is of a later major version than the driver.
    #[error(
        "the driver supports CUDA {driver}, but the CUDA compiler is of version {compiler}: install a newer driver or an older compiler"
    )]
    CompilerTooNewForDriver {
        /// The compiler's version.
        compiler: CudaVersion,
        /// The latest CUDA that the driver supports.
        driver: CudaVersion,
    },
    /// The compiler does not know an architecture.
    #[error("the CUDA compiler {compiler} makes no code for {architecture}, but for {known}")]
    UnknownArchitecture {
        /// What was asked for, such as `sm_61`.
        architecture: String,
        /// The compiler's version.
        compiler: CudaVersion,
        /// The compute capabilities that it makes code for.
        known: String,
    },
    /// The compiler refuses a file.
    #[error("{file} does not compile for {architecture}: {message}")]
    Compile {
        /// Its name.
        file: &'static str,
        /// For what it was compiled.
        architecture: String,
        /// The first error in the compiler's log.
        message: String,
    },
    /// Kernels are not compiled yet, and this machine cannot compile them.
    #[error("{} has no compiled {kernels} kernels for this device, and they cannot be compiled here: {reason}", folder.display())]
    NotCompiled {
        /// The file of kernels.
        kernels: String,
        /// The folder of compiled kernels.
        folder: PathBuf,
        /// Why there is no compiler.
        reason: Box<SetupError>,
    },
    /// Compiled kernels cannot be written.
    #[error("compiled kernels cannot be written to {}: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        reason: String,
    },
}
