//! Where a network computes.

use std::fmt;
use std::sync::Arc;

use scn_solvers::processes::{Alone, Processes};

use crate::error::NetError;

/// Most threads of a pool on a machine with fewer cores: many more take minutes to start and wait
/// for each other.
const MOST_THREADS: usize = 1024;

/// Where a network computes: a value, not a type parameter.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Device {
    /// Threads of this machine.
    Cpu(CpuPool),
    /// Graphics processors with CUDA: one, or several that share each batch.
    #[cfg(feature = "cuda")]
    Cuda(CudaDevices),
}

/// A pool of threads, which may be one of several processes.
#[derive(Debug, Clone)]
pub struct CpuPool {
    pool: Arc<rayon::ThreadPool>,
    processes: Arc<dyn Processes>,
}

/// Graphics processors of this machine, which may be those of one of several processes.
#[cfg(feature = "cuda")]
#[derive(Debug, Clone)]
pub struct CudaDevices {
    contexts: Vec<scn_gpu::Context>,
    processes: Arc<dyn Processes>,
}

#[cfg(feature = "cuda")]
impl CudaDevices {
    /// Those of this process.
    pub fn contexts(&self) -> &[scn_gpu::Context] {
        &self.contexts
    }
}

impl Device {
    /// This machine's processor, with so many threads; if None, with as many as `RAYON_NUM_THREADS`
    /// says, or it has cores. Results do not depend on the number.
    ///
    /// # Errors
    /// The threads cannot be started, or are more than 1024 and more than there are cores.
    pub fn cpu(threads: Option<usize>) -> Result<Self, NetError> {
        let threads = threads.or_else(|| std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok());
        let threads = threads.unwrap_or(0);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let most = MOST_THREADS.max(cores);
        if threads > most {
            return Err(NetError::TooManyThreads {
                most,
                found: threads,
            });
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| NetError::Threads {
                reason: error.to_string(),
            })?;
        Ok(Device::Cpu(CpuPool {
            pool: Arc::new(pool),
            processes: Arc::new(Alone),
        }))
    }

    /// The same device, as what one of several processes has: they share every batch that a network [there](crate::Network::move_to) is
    /// trained with or evaluated on. All do the same calls in the same order.
    ///
    /// On processors, results do not depend on the number of processes. Of graphics processors each process has the same number; all of them
    /// share a batch, and results are those of one process that has them all, in the order of the processes.
    pub fn shared_by(self, processes: Arc<dyn Processes>) -> Self {
        match self {
            Device::Cpu(cpu) => Device::Cpu(CpuPool { processes, ..cpu }),
            #[cfg(feature = "cuda")]
            Device::Cuda(cuda) => Device::Cuda(CudaDevices { processes, ..cuda }),
        }
    }

    /// The same device, for work that this process does alone.
    pub fn alone(&self) -> Self {
        self.clone().shared_by(Arc::new(Alone))
    }

    /// The processes that share the work; [`Alone`] if there is only this one.
    pub fn processes(&self) -> Arc<dyn Processes> {
        match self {
            Device::Cpu(cpu) => Arc::clone(&cpu.processes),
            #[cfg(feature = "cuda")]
            Device::Cuda(cuda) => Arc::clone(&cuda.processes),
        }
    }

    /// Graphics processors, counted from 0 as the driver does: one, or several that share each
    /// batch.
    ///
    /// # Errors
    /// [`NetError::Gpu`]: no driver, no compiler library, no such device, or one that is too old.
    /// [`NetError::NoDevice`] for none.
    #[cfg(feature = "cuda")]
    pub fn cuda(indices: &[usize]) -> Result<Self, NetError> {
        if indices.is_empty() {
            return Err(NetError::NoDevice);
        }
        let contexts = indices.iter().map(|&index| scn_gpu::Context::new(index));
        Ok(Device::Cuda(CudaDevices {
            contexts: contexts.collect::<Result<_, _>>()?,
            processes: Arc::new(Alone),
        }))
    }

    /// Runs something on this machine's threads for this device.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self {
            Device::Cpu(cpu) => cpu.pool.install(work),
            #[cfg(feature = "cuda")]
            Device::Cuda(_) => work(),
        }
    }

    /// Waits until graphics processors have done all work; returns at once for this machine's
    /// processor.
    ///
    /// # Errors
    /// [`NetError::Gpu`]: a kernel that failed.
    pub fn synchronize(&self) -> Result<(), NetError> {
        match self {
            Device::Cpu(_) => Ok(()),
            #[cfg(feature = "cuda")]
            Device::Cuda(cuda) => {
                let mut contexts = cuda.contexts.iter();
                Ok(contexts.try_for_each(scn_gpu::Context::synchronize)?)
            }
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
            Device::Cuda(cuda) => {
                let contexts = cuda.contexts.iter();
                let names: Vec<&str> = contexts.map(|context| context.name()).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}
