//! The context of a device.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::CudaFunction;

use crate::compile::modules::Modules;
use crate::compile::supply::Supply;
use crate::compile::unit::Unit;
use crate::device_info::{self, DeviceInfo};
use crate::driver::{failed, free_memory};
use crate::error::{CaptureError, GpuError};
use crate::queue::{Queue, Submission};
use crate::switch::switch;
use crate::timing::{self, KernelTime, Mark, Timing};
use crate::version::OLDEST_DRIVER_FOR_GRAPHS;

/// Environment variable that switches graphs on or off.
const GRAPHS: &str = "SCN_CUDA_GRAPH";

/// A device with its compiled kernels and its memory. Clones share one context. Buffers of
/// different contexts cannot be combined.
///
/// All work is done asynchronously, in the order of submission.
/// [`Buffer::download`](crate::Buffer::download) and [`synchronize`](Self::synchronize) wait for
/// it.
///
/// A file of kernels is compiled when it is first needed, and cached in the folder named by the
/// environment variable `SCN_CUDA_CACHE`. The default is a folder in the user's cache folder; an
/// empty value disables the cache. Without a compiler, the folder must already contain all kernels
/// that are needed: see [`compile_ahead`](crate::compile_ahead).
///
/// All threads may use a context, except while one of them [records a graph](Self::capture).
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

struct Shared {
    info: DeviceInfo,
    uses_graphs: bool,
    modules: Mutex<Modules>,
    timing: Timing,
    queue: Queue,
}

impl Context {
    /// Opens the device with this index, counted from 0 as in [`devices`](crate::devices).
    ///
    /// # Errors
    /// Returns an error if there is no driver or no such device, if there are neither a compiler
    /// nor compiled kernels for the device, or if one of these is too old.
    pub fn new(index: usize) -> Result<Self, GpuError> {
        let (device, info) = device_info::open(index)?;
        let supply = Supply::new(info.compute_capability, info.driver_version);
        supply.require_any()?;
        let queue = Queue::new(Arc::clone(&device), info.driver_version)?;
        Ok(Self {
            shared: Arc::new(Shared {
                uses_graphs: switch(GRAPHS, true)
                    && info.driver_version >= OLDEST_DRIVER_FOR_GRAPHS,
                info,
                modules: Mutex::new(Modules::new(device, supply)),
                timing: Timing::default(),
                queue,
            }),
        })
    }

    /// The device, as it was when the context was created.
    pub fn info(&self) -> &DeviceInfo {
        &self.shared.info
    }

    /// Product name of the device.
    pub fn name(&self) -> &str {
        &self.shared.info.name
    }

    /// Whether repeated work should be [recorded](Self::capture). This is false if the environment
    /// variable `SCN_CUDA_GRAPH` was empty or 0 when the context was created, or if the driver is
    /// older than CUDA 11.4. Recording itself ignores the variable.
    pub fn uses_graphs(&self) -> bool {
        self.shared.uses_graphs
    }

    /// Free device memory in bytes, excluding memory that the context [keeps](Self::trim) for new
    /// buffers. `None` if the driver does not report it.
    pub fn memory_free(&self) -> Option<usize> {
        free_memory(self.shared.queue.device())
    }

    /// Waits until all work is done.
    ///
    /// # Errors
    /// Returns an error if a kernel failed, and [`GpuError::Capture`] during a recording.
    pub fn synchronize(&self) -> Result<(), GpuError> {
        let _submission = Submission::unrecorded(&self.shared.queue, "wait for the device")?;
        let done = self.shared.queue.stream().synchronize();
        done.map_err(failed("finish its work"))
    }

    /// Frees the memory of dropped buffers, which is otherwise kept for new buffers of the same
    /// size. Does nothing while a graph is being recorded.
    pub fn trim(&self) {
        if let Ok(_submission) = Submission::unrecorded(&self.shared.queue, "free memory") {
            self.shared.queue.pool().trim();
        }
    }

    /// Switches the timing of kernels on or off. Timing does not change results, but a timed launch
    /// takes about a microsecond longer on the device, so measure total throughput with timing off.
    pub fn set_timed(&self, timed: bool) {
        self.shared.timing.set(timed);
    }

    /// Whether kernels are timed.
    pub fn is_timed(&self) -> bool {
        self.shared.timing.is_on()
    }

    /// Waits for the kernels launched while [timing](Self::set_timed) was on, and returns their
    /// times since the last call, by name.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if a kernel failed.
    pub fn take_times(&self) -> Result<Vec<KernelTime>, GpuError> {
        self.shared.timing.take()
    }

    /// Marks the current point in the submitted work, without waiting for it.
    ///
    /// # Errors
    /// Returns an error if the driver fails, or if it is older than CUDA 12.8.
    pub fn mark(&self) -> Result<Mark, GpuError> {
        timing::mark(&self.shared.queue)
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.shared.timing
    }

    /// Returns a kernel, loading it if necessary. During a recording it must already be loaded.
    pub(crate) fn function(&self, unit: Unit, name: &str) -> Result<CudaFunction, GpuError> {
        let modules = self.shared.modules.lock();
        let mut modules = modules.unwrap_or_else(PoisonError::into_inner);
        if self.shared.queue.is_recorded_here() {
            let unknown = || CaptureError::Kernel {
                name: name.to_string(),
            };
            return Ok(modules.loaded(name).ok_or_else(unknown)?);
        }
        modules.function(unit, name)
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.shared.queue
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Kernels must not be unloaded while they run. An error can no longer be reported.
        let _ = self.queue.stream().synchronize();
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
