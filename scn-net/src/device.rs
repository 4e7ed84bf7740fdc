//! Where a network computes.

use std::fmt;
use std::sync::Arc;

use crate::NetError;
use crate::config::NetworkConfig;
#[cfg(feature = "cuda")]
use crate::cuda::CudaReplica;
use crate::network::Named;
use crate::replica::Replica;

/// Where a network computes: a value, not a type parameter.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Device {
    /// Threads of this machine.
    Cpu(CpuPool),
    /// A graphics processor with CUDA.
    #[cfg(feature = "cuda")]
    Cuda(scn_gpu::Context),
}

/// A pool of threads.
#[derive(Debug, Clone)]
pub struct CpuPool {
    pool: Arc<rayon::ThreadPool>,
}

impl Device {
    /// This machine's processor, with so many threads; as many as it has cores if None. Results do not depend on the number.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn cpu(threads: Option<usize>) -> Result<Self, NetError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or(0))
            .build()
            .map_err(|error| NetError::Threads {
                reason: error.to_string(),
            })?;
        Ok(Device::Cpu(CpuPool {
            pool: Arc::new(pool),
        }))
    }

    /// A graphics processor, counted from 0 as the driver does.
    ///
    /// # Errors
    /// [`NetError::Gpu`]: no driver, no compiler library, no such device, or one that is too old.
    #[cfg(feature = "cuda")]
    pub fn cuda(index: usize) -> Result<Self, NetError> {
        Ok(Device::Cuda(scn_gpu::Context::new(index)?))
    }

    /// Runs something on this machine's threads for this device.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self {
            Device::Cpu(cpu) => cpu.pool.install(work),
            #[cfg(feature = "cuda")]
            Device::Cuda(_) => work(),
        }
    }

    /// A network's copy there; None where the network itself computes.
    pub(crate) fn replica(
        &self,
        config: &NetworkConfig,
        layers: &[Named],
    ) -> Result<Option<Box<dyn Replica>>, NetError> {
        match self {
            Device::Cpu(_) => {
                let _ = (config, layers);
                Ok(None)
            }
            #[cfg(feature = "cuda")]
            Device::Cuda(context) => Ok(Some(Box::new(CudaReplica::new(context, config, layers)?))),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu(cpu) => match cpu.pool.current_num_threads() {
                1 => write!(f, "1 thread"),
                threads => write!(f, "{threads} threads"),
            },
            #[cfg(feature = "cuda")]
            Device::Cuda(context) => write!(f, "{}", context.name()),
        }
    }
}
