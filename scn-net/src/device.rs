//! Where a network computes.

use std::sync::Arc;

use crate::NetError;

/// Where a network computes: a value, not a type parameter.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Device {
    /// Threads of this machine.
    Cpu(CpuPool),
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

    /// Runs something on this device's threads.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self {
            Device::Cpu(cpu) => cpu.pool.install(work),
        }
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        match self {
            Device::Cpu(cpu) => cpu.pool.current_num_threads(),
        }
    }
}
