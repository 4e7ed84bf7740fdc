//! Versions of CUDA and generations of devices, and the oldest of each that are supported.

use std::fmt;

/// Asynchronous allocation came with this version of the driver.
pub(crate) const OLDEST_DRIVER: CudaVersion = CudaVersion {
    major: 11,
    minor: 2,
};

/// `cuGraphInstantiateWithFlags` came with this version of the driver.
pub(crate) const OLDEST_DRIVER_FOR_GRAPHS: CudaVersion = CudaVersion {
    major: 11,
    minor: 4,
};

/// `cuEventElapsedTime_v2`, the only such function that cudarc calls, came with this version of the
/// driver; cudarc panics without it.
pub(crate) const OLDEST_DRIVER_FOR_TIMES: CudaVersion = CudaVersion {
    major: 12,
    minor: 8,
};

/// The compiler makes machine code since this version.
pub(crate) const OLDEST_COMPILER: CudaVersion = CudaVersion {
    major: 11,
    minor: 2,
};

/// The oldest generation that kernels are compiled for and tested with.
pub(crate) const OLDEST_DEVICE: ComputeCapability = ComputeCapability { major: 6, minor: 1 };

/// A version of CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CudaVersion {
    /// Before the dot.
    pub major: u32,
    /// After it.
    pub minor: u32,
}

impl CudaVersion {
    /// Whether a driver for this version runs machine code that a compiler of that version makes:
    /// within a major version all do.
    pub(crate) fn runs_machine_code_of(self, compiler: CudaVersion) -> bool {
        self.major >= compiler.major
    }
}

impl fmt::Display for CudaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The generation of a device's processors, which says what they can do.
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

impl fmt::Display for ComputeCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
