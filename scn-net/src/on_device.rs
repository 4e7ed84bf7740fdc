//! The executor of each device.

use crate::config::NetworkConfig;
use crate::cpu::CpuExecutor;
#[cfg(feature = "cuda")]
use crate::cuda::{CudaExecutor, DataParallel};
use crate::device::Device;
use crate::error::NetError;
use crate::executor::Executor;
use crate::steps::Steps;

/// Creates the executor of these steps on a device. Their parameters have to be up to date.
///
/// # Errors
/// Returns an error if the device cannot hold or run the network.
pub(crate) fn executor(
    device: &Device,
    config: &NetworkConfig,
    steps: &Steps,
) -> Result<Box<dyn Executor>, NetError> {
    Ok(match device {
        Device::Cpu(_) => Box::new(CpuExecutor::shared(
            &config.solver,
            steps,
            device.processes(),
        )?),
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda) => match (cuda.contexts(), device.processes()) {
            ([context], processes) if processes.count() == 1 => {
                Box::new(CudaExecutor::new(context, config, steps)?)
            }
            (contexts, processes) => {
                Box::new(DataParallel::new(contexts, processes, config, steps)?)
            }
        },
    })
}
