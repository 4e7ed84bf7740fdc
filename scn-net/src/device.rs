//! The devices that compute a network.

use std::fmt;
use std::sync::Arc;

use scn_solvers::processes::{Alone, Processes};

use crate::error::NetError;

/// Maximum number of threads of a pool, unless the machine has more cores. Many more take minutes
/// to start and wait for each other.
const MOST_THREADS: usize = 1024;

/// The device that computes a network: a value, not a type parameter.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Device {
    /// The CPU, with a pool of threads.
    Cpu(CpuPool),
    /// CUDA GPUs: one, or several that share each batch.
    #[cfg(feature = "cuda")]
    Cuda(CudaDevices),
}

/// A pool of threads of this process, which may be one of several processes.
#[derive(Debug, Clone)]
pub struct CpuPool {
    pool: Arc<rayon::ThreadPool>,
    processes: Arc<dyn Processes>,
}

/// The GPUs of this process, which may be one of several processes.
#[cfg(feature = "cuda")]
#[derive(Debug, Clone)]
pub struct CudaDevices {
    contexts: Vec<scn_gpu::Context>,
    processes: Arc<dyn Processes>,
}

#[cfg(feature = "cuda")]
impl CudaDevices {
    /// Returns the contexts of the GPUs of this process.
    pub fn contexts(&self) -> &[scn_gpu::Context] {
        &self.contexts
    }
}

impl Device {
    /// Returns the CPU, with a pool of `threads` threads.
    ///
    /// If None, the number is that of `RAYON_NUM_THREADS` if it is set, or else the number of
    /// cores. Results do not depend on it.
    ///
    /// # Errors
    /// Returns an error if the threads cannot be started, or if there are more than 1024 and more
    /// than there are cores.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::Device;
    ///
    /// let device = Device::cpu(Some(2))?;
    /// assert_eq!(device.to_string(), "2 threads");
    /// assert_eq!(device.run(|| 6 * 7), 42); // on one of the threads
    /// # Ok::<(), scn_net::NetError>(())
    /// ```
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

    /// Returns the same device as part of several processes.
    ///
    /// The processes share every batch that a network [on the device](crate::Network::move_to) is
    /// trained with or evaluated on. All of them have to make the same calls in the same order.
    ///
    /// On CPUs, results do not depend on the number of processes. With GPUs, each process has the
    /// same number of them, and all of them share a batch. The results are those of a single
    /// process that has all GPUs, in the order of the processes.
    pub fn shared_by(self, processes: Arc<dyn Processes>) -> Self {
        match self {
            Device::Cpu(cpu) => Device::Cpu(CpuPool { processes, ..cpu }),
            #[cfg(feature = "cuda")]
            Device::Cuda(cuda) => Device::Cuda(CudaDevices { processes, ..cuda }),
        }
    }

    /// Returns the same device for work that this process does on its own.
    pub fn alone(&self) -> Self {
        self.clone().shared_by(Arc::new(Alone))
    }

    /// Returns the processes that share the work, [`Alone`] if there is only this one.
    pub fn processes(&self) -> Arc<dyn Processes> {
        match self {
            Device::Cpu(cpu) => Arc::clone(&cpu.processes),
            #[cfg(feature = "cuda")]
            Device::Cuda(cuda) => Arc::clone(&cuda.processes),
        }
    }

    /// Returns the GPUs with these indices, which count from 0 in the order of the driver. Several
    /// GPUs share each batch.
    ///
    /// # Errors
    /// Returns [`NetError::Gpu`] if the driver, the compiler library or a GPU is missing, or if a
    /// GPU is too old. Returns [`NetError::NoDevice`] if `indices` is empty.
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

    /// Runs `work` on the threads of the CPU's pool, or on the current thread for GPUs.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self {
            Device::Cpu(cpu) => cpu.pool.install(work),
            #[cfg(feature = "cuda")]
            Device::Cuda(_) => work(),
        }
    }

    /// Waits until the GPUs have finished all work. Returns at once on the CPU.
    ///
    /// # Errors
    /// Returns [`NetError::Gpu`] if a kernel failed.
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
