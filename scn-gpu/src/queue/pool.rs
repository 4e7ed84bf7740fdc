//! A pool of device memory, which is kept from step to step.

#![expect(unsafe_code, reason = "memory is handed out uninitialised")]

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::sys::{CUdeviceptr, CUresult};
use cudarc::driver::{CudaSlice, CudaStream, DevicePtr, DriverError};

use crate::driver::{failed, free_memory};
use crate::error::GpuError;

/// The memory of a buffer. It returns to the pool when neither the buffer nor a graph needs it.
pub(crate) struct Memory {
    /// `None` while the memory is being dropped.
    slice: Option<CudaSlice<u8>>,
    address: CUdeviceptr,
    bytes: usize,
    pool: Arc<Pool>,
}

impl Memory {
    fn new(pool: &Arc<Pool>, slice: CudaSlice<u8>) -> Self {
        // Without events the guard does nothing.
        let (address, _) = slice.device_ptr(&pool.stream);
        Self {
            address,
            bytes: slice.len(),
            slice: Some(slice),
            pool: Arc::clone(pool),
        }
    }

    pub(crate) fn address(&self) -> CUdeviceptr {
        self.address
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(slice) = self.slice.take() {
            self.pool.give_back(slice);
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {:#x}", self.bytes, self.address)
    }
}

/// Memory of dropped buffers, by size in bytes: training steps ask for the same sizes repeatedly.
/// Only later work of the same stream overwrites the memory of a dropped buffer, so nothing has to
/// wait.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<usize, Vec<CudaSlice<u8>>>>,
    stream: Arc<CudaStream>,
}

impl Pool {
    pub(crate) fn new(stream: Arc<CudaStream>) -> Self {
        Self {
            idle: Mutex::default(),
            stream,
        }
    }

    /// Returns memory of exactly this size, with unspecified contents.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Result<Arc<Memory>, GpuError> {
        if let Some(memory) = self.take_idle(bytes) {
            return Ok(memory);
        }
        let allocate = || {
            // SAFETY: only the device reads this memory before it is written, and any bytes are
            // valid numbers there.
            unsafe { self.stream.alloc::<u8>(bytes) }
        };
        let is_full = |error: &DriverError| matches!(error.0, CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        let allocated = match allocate() {
            Err(error) if is_full(&error) => {
                self.trim();
                allocate()
            }
            allocated => allocated,
        };
        let slice = allocated.map_err(|error| {
            if is_full(&error) {
                GpuError::OutOfMemory {
                    needed: bytes,
                    free: free_memory(self.stream.context()).unwrap_or(0),
                }
            } else {
                failed("allocate memory")(error)
            }
        })?;
        Ok(Arc::new(Memory::new(self, slice)))
    }

    /// Returns idle memory of exactly this size, if there is any.
    pub(crate) fn take_idle(self: &Arc<Self>, bytes: usize) -> Option<Arc<Memory>> {
        let slice = self.idle().get_mut(&bytes).and_then(Vec::pop)?;
        Some(Arc::new(Memory::new(self, slice)))
    }

    /// Keeps memory for the next buffer of this size.
    fn give_back(&self, memory: CudaSlice<u8>) {
        self.idle().entry(memory.len()).or_default().push(memory);
    }

    /// Frees all idle memory.
    pub(crate) fn trim(&self) {
        self.idle().clear();
        // Freed memory becomes available when the work that used it is done. The next call returns
        // any error again.
        let _ = self.stream.synchronize();
    }

    fn idle(&self) -> impl std::ops::DerefMut<Target = HashMap<usize, Vec<CudaSlice<u8>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
