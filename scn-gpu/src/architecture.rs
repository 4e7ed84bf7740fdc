//! Architectures that kernels are compiled for.

use std::fmt;
use std::str::FromStr;

use crate::version::{ComputeCapability, CudaVersion, OLDEST_DEVICE};

/// A compute capability and a form of code for it, with the compiler's names: `sm_90`,
/// `compute_90`.
///
/// ```
/// use scn_gpu::Architecture;
///
/// let hopper: Architecture = "sm_90".parse()?;
/// assert_eq!(hopper.capability.to_string(), "9.0");
/// # Ok::<(), scn_gpu::ArchitectureError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Architecture {
    /// Compute capability of the devices.
    pub capability: ComputeCapability,
    /// Form of the code.
    pub code: Code,
}

/// A form of compiled kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Machine code ("cubin"), for devices of the same major and the same or a later minor compute
    /// capability.
    Machine,
    /// Portable code ("PTX"), which the driver compiles for any device of the same or a later
    /// compute capability.
    Portable,
}

impl Architecture {
    /// Whether a device can run the code with this driver. The driver may still reject portable
    /// code when it loads it.
    pub(crate) fn runs_on(
        self,
        device: ComputeCapability,
        driver: CudaVersion,
        compiler: CudaVersion,
    ) -> bool {
        self.capability <= device
            && match self.code {
                Code::Machine => {
                    self.capability.major == device.major && driver.runs_machine_code_of(compiler)
                }
                Code::Portable => true,
            }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.code {
            Code::Machine => "sm",
            Code::Portable => "compute",
        };
        write!(f, "{form}_{}", self.capability.number())
    }
}

/// The error for a text that is not an architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an architecture: sm_90 means machine code for compute capability 9.0, compute_90 portable code; {OLDEST_DEVICE} is the oldest"
)]
pub struct ArchitectureError {
    text: String,
}

impl FromStr for Architecture {
    type Err = ArchitectureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (form, number) = text.split_once('_')?;
            let code = match form {
                "sm" => Code::Machine,
                "compute" => Code::Portable,
                _ => return None,
            };
            // Numbers have two digits, or three from 10.0 on.
            let is_number = number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
            let capability = ComputeCapability::from_number(number.parse().ok()?);
            (is_number && capability >= OLDEST_DEVICE).then_some(Self { capability, code })
        };
        read().ok_or_else(|| ArchitectureError {
            text: text.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V12: CudaVersion = CudaVersion {
        major: 12,
        minor: 9,
    };
    const V13: CudaVersion = CudaVersion {
        major: 13,
        minor: 0,
    };

    #[test]
    fn architectures_have_the_names_that_the_compiler_gives_them() {
        for name in ["sm_61", "sm_90", "compute_80", "compute_121"] {
            let architecture: Architecture = name.parse().unwrap();
            assert_eq!(architecture.to_string(), name);
        }
        let newest: Architecture = "compute_121".parse().unwrap();
        assert_eq!(newest.capability.to_string(), "12.1");
        assert_eq!(newest.code, Code::Portable);
        for name in [
            "", "sm_", "sm_5", "sm_52", "sm_90a", "sm_+90", "sm-90", "90", "ptx_90", "sm_1234",
        ] {
            let error = name.parse::<Architecture>().unwrap_err().to_string();
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
    }

    #[test]
    fn machine_code_stays_in_its_major_versions() {
        let runs = |name: &str, device, driver, compiler| {
            let architecture: Architecture = name.parse().unwrap();
            architecture.runs_on(ComputeCapability::from_number(device), driver, compiler)
        };
        assert!(runs("sm_80", 80, V12, V12));
        assert!(runs("sm_80", 86, V13, V12));
        assert!(!runs("sm_80", 90, V12, V12));
        assert!(!runs("sm_86", 80, V12, V12));
        assert!(!runs("sm_80", 80, V12, V13));
        assert!(runs("compute_80", 90, V12, V13));
        assert!(!runs("compute_90", 80, V13, V13));
    }
}
