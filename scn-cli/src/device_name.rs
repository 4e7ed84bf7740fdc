//! Devices by their names on the command line.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "cuda")]
use anyhow::anyhow;
use anyhow::{Result, bail};
#[cfg(feature = "cuda")]
use scn_gpu::{GpuError, SetupError};
use scn_net::Device;
#[cfg(feature = "cuda")]
use scn_net::NetError;

#[cfg(feature = "cuda")]
use crate::readable::counted;

/// The name of a device: `cpu`, `cuda`, `cuda:1`, or `cuda:0,1` for several GPUs that share each
/// batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeviceName {
    Cpu,
    /// One GPU for each process.
    OwnCuda,
    /// The GPUs with these numbers, in every process.
    Cuda(Vec<usize>),
}

impl DeviceName {
    /// Opens the device. `host` is the CPU. This is process number `own` of the `count` processes
    /// on this machine that share the command.
    pub(crate) fn open(&self, host: &Device, (own, count): (usize, usize)) -> Result<Device> {
        match self {
            Self::Cpu => Ok(host.clone()),
            #[cfg(feature = "cuda")]
            Self::OwnCuda => Device::cuda(&[own]).map_err(|error| match error {
                NetError::Gpu(GpuError::Setup(SetupError::DeviceIndex { count: seen, .. })) if count > 1 => {
                    let seen = counted(seen as u64, "GPU");
                    anyhow!(
                        "--device {self} needs one GPU per process, but this machine runs {count} processes and has \
                         {seen}; if each process sees different GPUs, --device cuda:0 uses the first that it sees"
                    )
                }
                error => error.into(),
            }),
            #[cfg(feature = "cuda")]
            Self::Cuda(indices) => Ok(Device::cuda(indices)?),
            #[cfg(not(feature = "cuda"))]
            Self::OwnCuda | Self::Cuda(_) => {
                let _ = (own, count);
                bail!("{self}: this program was built without CUDA")
            }
        }
    }

    /// Returns an error unless this is the CPU, the only device of `command`.
    pub(crate) fn expect_cpu(&self, command: &str) -> Result<()> {
        match self {
            Self::Cpu => Ok(()),
            Self::OwnCuda | Self::Cuda(_) => {
                bail!("{command} runs on the CPU only, not on {self}")
            }
        }
    }
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::OwnCuda),
            Some(("cuda", indices)) => {
                let indices = indices.split(',').map(str::parse);
                indices
                    .collect::<Result<_, _>>()
                    .map(Self::Cuda)
                    .map_err(|_| {
                        format!("expected device numbers after cuda:, as in cuda:0,1, found {text}")
                    })
            }
            _ => Err(
                "expected cpu, cuda, cuda:1 for the second device, or cuda:0,1 for two".to_string(),
            ),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::OwnCuda => f.write_str("cuda"),
            Self::Cuda(indices) => {
                let indices: Vec<String> = indices.iter().map(usize::to_string).collect();
                write!(f, "cuda:{}", indices.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in ["cpu", "cuda", "cuda:0", "cuda:12", "cuda:0,1"] {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
        assert_eq!("cuda".parse(), Ok(DeviceName::OwnCuda));
        for name in [
            "", "gpu", "cpu:0", "cuda:", "cuda:-1", "cuda:0:1", "cuda:0,", "CUDA",
        ] {
            assert!(name.parse::<DeviceName>().is_err(), "{name}");
        }
    }
}
