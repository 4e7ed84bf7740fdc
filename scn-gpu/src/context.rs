//! A device that is ready to work.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{CudaContext, CudaFunction, CudaStream};

use crate::driver::{self, DeviceInfo, failed};
use crate::module::Modules;
use crate::pool::Pool;
use crate::source::Unit;
use crate::supply::Supply;
use crate::{Buffer, Element, GpuError};

/// A device with its compiled kernels and its memory. Clones are the same context; buffers of two contexts do not mix.
///
/// All work is done in the order in which it is asked for, and nothing waits for it but [`Buffer::download`] and
/// [`synchronize`](Self::synchronize).
///
/// Kernels are compiled when a file of them is first needed, and kept in the folder that the variable `SCN_CUDA_CACHE` names:
/// by default one in the user's cache folder, none if it is empty. Without a compiler all that is needed must be in this folder: see
/// [`compile_ahead`](crate::compile_ahead).
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

struct Shared {
    info: DeviceInfo,
    supply: Supply,
    modules: Mutex<Modules>,
    pool: Pool,
    stream: Arc<CudaStream>,
    device: Arc<CudaContext>,
}

impl Context {
    /// Opens the device of this index, counted from 0 as [`devices`](crate::devices) does.
    ///
    /// # Errors
    /// No driver on this machine, neither a compiler nor any compiled kernels for the device, no such device, or one of these too old.
    pub fn new(index: usize) -> Result<Self, GpuError> {
        let (device, info) = driver::open(index)?;
        let supply = Supply::new(info.compute_capability, info.driver_version);
        supply.require_any()?;
        let stream = device.new_stream().map_err(failed("make a stream"))?;
        Ok(Self {
            shared: Arc::new(Shared {
                info,
                supply,
                modules: Mutex::default(),
                pool: Pool::new(Arc::clone(&stream)),
                stream,
                device,
            }),
        })
    }

    /// The device, as it was when the context was made.
    pub fn info(&self) -> &DeviceInfo {
        &self.shared.info
    }

    /// The maker's name for the device.
    pub fn name(&self) -> &str {
        &self.shared.info.name
    }

    /// Numbers of no particular value, to be written before they are read.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`].
    pub fn unspecified<T: Element>(&self, len: usize) -> Result<Buffer<T>, GpuError> {
        Buffer::unspecified(self, len)
    }

    /// All zeros.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`].
    pub fn zeros<T: Element>(&self, len: usize) -> Result<Buffer<T>, GpuError> {
        let mut buffer = self.unspecified(len)?;
        buffer.fill_zero()?;
        Ok(buffer)
    }

    /// A copy of these numbers.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`].
    pub fn upload<T: Element>(&self, values: &[T]) -> Result<Buffer<T>, GpuError> {
        let mut buffer = self.unspecified(values.len())?;
        buffer.write(values)?;
        Ok(buffer)
    }

    /// Waits until all work is done.
    ///
    /// # Errors
    /// A kernel that failed.
    pub fn synchronize(&self) -> Result<(), GpuError> {
        let done = self.shared.stream.synchronize();
        done.map_err(failed("finish its work"))
    }

    /// Gives back the memory of buffers that are gone, which is kept for new ones of the same length.
    pub fn trim(&self) {
        self.shared.pool.trim();
    }

    /// A kernel that can be started.
    pub(crate) fn function(&self, unit: Unit, name: &str) -> Result<CudaFunction, GpuError> {
        let modules = self.shared.modules.lock();
        let mut modules = modules.unwrap_or_else(PoisonError::into_inner);
        modules.function(self, unit, name)
    }

    pub(crate) fn supply(&self) -> &Supply {
        &self.shared.supply
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    pub(crate) fn stream(&self) -> &Arc<CudaStream> {
        &self.shared.stream
    }

    pub(crate) fn device(&self) -> &Arc<CudaContext> {
        &self.shared.device
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Kernels may not be unloaded while they run. Nobody is left to be told of an error.
        let _ = self.stream.synchronize();
    }
}

impl PartialEq for Context {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Context {}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Context").field(&self.shared.info).finish()
    }
}
