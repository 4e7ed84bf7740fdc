//! Versions of CUDA and compute capabilities, and the oldest supported ones.

use std::fmt;

/// The oldest supported driver: the first with asynchronous allocation.
pub(crate) const OLDEST_DRIVER: CudaVersion = CudaVersion {
    major: 11,
    minor: 2,
};

/// The oldest driver that supports graphs: the first with `cuGraphInstantiateWithFlags`.
pub(crate) const OLDEST_DRIVER_FOR_GRAPHS: CudaVersion = CudaVersion {
    major: 11,
    minor: 4,
};

/// The oldest driver that can measure times: the first with `cuEventElapsedTime_v2`. cudarc calls
/// no earlier version of this function, and panics without it.
pub(crate) const OLDEST_DRIVER_FOR_TIMES: CudaVersion = CudaVersion {
    major: 12,
    minor: 8,
};

/// The oldest supported compiler: the first that generates machine code.
pub(crate) const OLDEST_COMPILER: CudaVersion = CudaVersion {
    major: 11,
    minor: 2,
};

/// The oldest compute capability that kernels are compiled for and tested with.
pub(crate) const OLDEST_DEVICE: ComputeCapability = ComputeCapability { major: 6, minor: 1 };

/// A version of CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CudaVersion {
    /// Major version.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
}

impl CudaVersion {
    /// Whether a driver of this version runs machine code that `compiler` generates. Within a major
    /// version every driver does.
    pub(crate) fn runs_machine_code_of(self, compiler: CudaVersion) -> bool {
        self.major >= compiler.major
    }
}

impl fmt::Display for CudaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The compute capability of a device, which identifies its generation and features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComputeCapability {
    /// Major version.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
}

impl ComputeCapability {
    /// Returns the compute capability as the compiler numbers it: 61 for 6.1.
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
