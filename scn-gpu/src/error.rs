//! What can go wrong on a graphics processor, one line each.

use std::path::PathBuf;

use scn_solvers::ProblemError;

/// Why something cannot be done on a graphics processor.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The driver's library is not installed.
    #[error("there is no CUDA driver: the library libcuda (nvcuda on Windows) was not found")]
    NoDriver,
    /// The compiler's library is not installed.
    #[error(
        "there is no CUDA compiler: the library libnvrtc, of CUDA 11.2 to 13, was not found; it is part of the CUDA toolkit, and of the \
         Python packages nvidia-cuda-nvrtc (CUDA 13) and nvidia-cuda-nvrtc-cu12, whose folder must then be in LD_LIBRARY_PATH"
    )]
    NoCompiler,
    /// The compiler's library is there, but not a second one that it needs.
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
    /// There is a file of a library's name, and the system does not load it.
    #[error("{library} cannot be loaded: {reason}")]
    LibraryRefused {
        /// Which library.
        library: &'static str,
        /// The system's reason.
        reason: String,
    },
    /// A library without a function that it must have.
    #[error(
        "{library} lacks the function {function}: it is damaged or no library of NVIDIA's, install it anew"
    )]
    LibraryLacks {
        /// Which library.
        library: &'static str,
        /// The first function that it lacks.
        function: String,
    },
    /// A driver for an older CUDA than needed.
    #[error("the driver supports CUDA {found}, but {needed} is needed: install a newer driver")]
    DriverTooOld {
        /// The latest CUDA that the driver supports.
        found: CudaVersion,
        /// What is needed.
        needed: CudaVersion,
    },
    /// A compiler that fails before it compiles anything.
    #[error("the CUDA compiler fails to {action}: {reason}")]
    Compiler {
        /// What was to be done.
        action: &'static str,
        /// The compiler's reason.
        reason: String,
    },
    /// A compiler that cannot make what is needed.
    #[error("the CUDA compiler is of version {found}, but {needed} or later is needed")]
    CompilerTooOld {
        /// Its version.
        found: CudaVersion,
        /// What is needed.
        needed: CudaVersion,
    },
    /// A compiler that has given up the device's architecture.
    #[error(
        "the CUDA compiler {compiler} no longer knows devices of compute capability {capability}: install an older one"
    )]
    CompilerTooNew {
        /// Its version.
        compiler: CudaVersion,
        /// What the device has.
        capability: ComputeCapability,
    },
    /// A compiler of a later major version than the driver's.
    #[error(
        "the driver supports CUDA {driver}, but the CUDA compiler is of version {compiler}: install a newer driver or an older compiler"
    )]
    CompilerTooNewForDriver {
        /// The compiler's version.
        compiler: CudaVersion,
        /// The latest CUDA that the driver supports.
        driver: CudaVersion,
    },
    /// An architecture that the compiler does not know.
    #[error("the CUDA compiler {compiler} makes no code for {architecture}, but for {known}")]
    UnknownArchitecture {
        /// What was asked for, such as `sm_61`.
        architecture: String,
        /// The compiler's version.
        compiler: CudaVersion,
        /// The compute capabilities that it makes code for.
        known: String,
    },
    /// Kernels that nobody has compiled before, on a machine that cannot compile them.
    #[error("{} has no compiled {kernels} kernels for this device, and they cannot be compiled here: {reason}", folder.display())]
    NotCompiled {
        /// The file of kernels.
        kernels: String,
        /// The folder of compiled kernels.
        folder: PathBuf,
        /// Why there is no compiler.
        reason: Box<GpuError>,
    },
    /// Compiled kernels that cannot be written.
    #[error("compiled kernels cannot be written to {}: {reason}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The driver is there, but no device.
    #[error("the CUDA driver sees no device")]
    NoDevice,
    /// An index that no device has.
    #[error("there is no device {index}: the CUDA driver sees {count}, counted from 0")]
    DeviceIndex {
        /// The index asked for.
        index: usize,
        /// Number of devices.
        count: usize,
    },
    /// A device that is too old.
    #[error("device {index} has compute capability {found}, but {needed} is needed")]
    ComputeCapability {
        /// The device.
        index: usize,
        /// What it has.
        found: ComputeCapability,
        /// What is needed.
        needed: ComputeCapability,
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
    /// A buffer that has not as many entries as sizes say.
    #[error("{what} must have {expected} entries, but has {found}")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Entries that fit.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// A range that is not within a buffer.
    #[error("entries {start} to {end} are not within a buffer of {len}")]
    Range {
        /// First entry of the range.
        start: usize,
        /// Entry after the last.
        end: usize,
        /// Length of the buffer.
        len: usize,
    },
    /// A size beyond what kernels count with.
    #[error("{what} must be at most {limit} on this device, but is {found}")]
    TooLarge {
        /// Which size.
        what: &'static str,
        /// The largest possible.
        limit: usize,
        /// The size.
        found: usize,
    },
    /// Groups without images, or images without a group.
    #[error("{images} images cannot be divided into {found} groups")]
    Groups {
        /// Number of images.
        images: usize,
        /// Number of groups.
        found: usize,
    },
    /// More atoms than the kernels are made for.
    #[error("dictionaries may have 1 to {limit} atoms on this device, but have {found}")]
    Atoms {
        /// The largest number.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// Windows that do not stand on a map.
    #[error(
        "windows must have an odd side of at most the padded map, and a stride of at least 1, but the map is {height} x {width}, the \
         window {window} and the stride {stride}"
    )]
    Windows {
        /// Rows of the map.
        height: usize,
        /// Its columns.
        width: usize,
        /// Side of the window.
        window: usize,
        /// Distance of neighbouring windows.
        stride: usize,
    },
    /// A label that is no class.
    #[error("labels must be below {classes}, but that of image {image} is {found}")]
    Label {
        /// Number of classes.
        classes: usize,
        /// The first such image.
        image: usize,
        /// Its label.
        found: usize,
    },
    /// A set of images without a number in it.
    #[error("a set of images must have an image, and each of them a pixel")]
    NoImages,
    /// An image that the set does not have, or that is moved out of its frame.
    #[error(
        "a batch takes one of {images} images, moved by less than its {height} x {width} pixels; but image {position} of the batch \
         is image {image}, moved by {down} down and {right} to the right"
    )]
    Pick {
        /// The first such image of the batch.
        position: usize,
        /// Its place in the set.
        image: usize,
        /// Pixels by which it is moved down.
        down: isize,
        /// Pixels by which it is moved to the right.
        right: isize,
        /// Images of the set.
        images: usize,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
    },
    /// Picks that were compared with a set of other extents.
    #[error(
        "the picks of a batch were made for a set of other images: their number or shape is another one"
    )]
    OtherSet,
    /// Codes of any sign were asked for.
    #[error("only nonnegative codes are computed on this device")]
    SignedCodes,
    /// A dictionary or penalty that poses no problem.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The library by which devices exchange is not installed.
    #[error(
        "there is no NCCL: the library libnccl.so, of version 2.22 or later, was not found (libnccl.so.2 alone needs a link of that name); several devices need it, one does not"
    )]
    NoNccl,
    /// Devices that cannot exchange.
    #[error("the devices cannot exchange: NCCL says {reason}")]
    Nccl {
        /// The library's code.
        reason: String,
    },
    /// More reports in a step than there is room for.
    #[error("a step has room for {slots} reports")]
    Reports {
        /// The number.
        slots: usize,
    },
    /// Work that does not become a graph; without one it can still be done.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A buffer of another context.
    #[error("{what} belongs to another context")]
    OtherContext {
        /// Which buffer.
        what: &'static str,
    },
}

impl GpuError {
    /// For an index, counted from 0, that is not below `len`.
    pub(crate) fn no_such(index: usize, len: usize) -> Self {
        Self::Range {
            start: index,
            end: index.saturating_add(1),
            len,
        }
    }
}

/// Why work does not become a [`Graph`](crate::Graph).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// Something that a graph does not do.
    #[error("while a graph is being recorded, one cannot {action}")]
    Unrecordable {
        /// What was to be done.
        action: &'static str,
    },
    /// The recording would have to allocate.
    #[error(
        "a graph needs {bytes} bytes in one piece that no buffer has left behind: do the same work once before, without recording"
    )]
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// The recording would have to load a kernel.
    #[error(
        "a graph needs the kernel {name}, which is not loaded: do the same work once before, without recording"
    )]
    Kernel {
        /// Its name.
        name: String,
    },
    /// Work for a context with which another thread is recording a graph.
    #[error("another thread is recording a graph with this context")]
    Busy,
    /// The driver gives up the recording.
    #[error("the driver makes no graph of the recorded work: {reason}")]
    Invalid {
        /// Its reason.
        reason: String,
    },
}

/// A version of CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CudaVersion {
    /// Before the dot.
    pub major: u32,
    /// After it.
    pub minor: u32,
}

impl CudaVersion {
    /// `Ok` if a driver for this version is for the version needed, or a later one.
    pub(crate) fn expect_driver(self, needed: CudaVersion) -> Result<(), GpuError> {
        if self < needed {
            return Err(GpuError::DriverTooOld {
                found: self,
                needed,
            });
        }
        Ok(())
    }

    /// Whether a driver for this version runs machine code that a compiler of that version makes: within a major version all do.
    pub(crate) fn runs_machine_code_of(self, compiler: CudaVersion) -> bool {
        self.major >= compiler.major
    }
}

impl std::fmt::Display for CudaVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What a device's processors can do, by generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComputeCapability {
    /// Before the dot.
    pub major: u32,
    /// After it.
    pub minor: u32,
}

impl ComputeCapability {
    /// The generation as the compiler numbers it: 61 for 6.1.
    pub(crate) fn number(self) -> u32 {
        10 * self.major + self.minor
    }

    pub(crate) fn from_number(number: u32) -> Self {
        Self {
            major: number / 10,
            minor: number % 10,
        }
    }
}

impl std::fmt::Display for ComputeCapability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
