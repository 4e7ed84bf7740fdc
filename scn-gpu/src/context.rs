//! A device that is ready to work.

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

/// Whether to use graphs.
const GRAPHS: &str = "SCN_CUDA_GRAPH";

/// A device with its compiled kernels and its memory. Clones share one context; buffers of two
/// contexts do not mix.
///
/// All work is done in the order of submission, and nothing waits for it but
/// [`Buffer::download`](crate::Buffer::download) and [`synchronize`](Self::synchronize).
///
/// Kernels are compiled when a file of them is first needed, and kept in the folder that the
/// variable `SCN_CUDA_CACHE` names: by default one in the user's cache folder, none if it is empty.
/// Without a compiler all that is needed must be in this folder: see
/// [`compile_ahead`](crate::compile_ahead).
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
    /// Opens the device of this index, counted from 0 as [`devices`](crate::devices) does.
    ///
    /// # Errors
    /// No driver on this machine, neither a compiler nor any compiled kernels for the device, no
    /// such device, or one of these too old.
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

    /// The device, as it was when the context was made.
    pub fn info(&self) -> &DeviceInfo {
        &self.shared.info
    }

    /// The maker's name for the device.
    pub fn name(&self) -> &str {
        &self.shared.info.name
    }

    /// Whether work that is done again and again should be [recorded](Self::capture): not if the
    /// variable `SCN_CUDA_GRAPH` was empty or 0 when the context was made, and not with a driver
    /// before CUDA 11.4. Recording itself does not look at the variable.
    pub fn uses_graphs(&self) -> bool {
        self.shared.uses_graphs
    }

    /// Bytes of the device's memory that are free now, without those that the context
    /// [keeps](Self::trim) for new buffers; None if the driver does not say.
    pub fn memory_free(&self) -> Option<usize> {
        free_memory(self.shared.queue.device())
    }

    /// Waits until all work is done.
    ///
    /// # Errors
    /// A kernel that failed; [`GpuError::Capture`] during a recording.
    pub fn synchronize(&self) -> Result<(), GpuError> {
        let _submission = Submission::unrecorded(&self.shared.queue, "wait for the device")?;
        let done = self.shared.queue.stream().synchronize();
        done.map_err(failed("finish its work"))
    }

    /// Frees the memory of dropped buffers, which is kept for new ones of the same length. Does
    /// nothing while a graph is being recorded.
    pub fn trim(&self) {
        if let Ok(_submission) = Submission::unrecorded(&self.shared.queue, "free memory") {
            self.shared.queue.pool().trim();
        }
    }

    /// Switches the timing of kernels on or off. Results do not depend on it, but a timed launch
    /// takes about a microsecond more on the device: measure the speed of the whole with timing
    /// off.
    pub fn set_timed(&self, timed: bool) {
        self.shared.timing.set(timed);
    }

    /// Whether kernels are timed.
    pub fn is_timed(&self) -> bool {
        self.shared.timing.is_on()
    }

    /// Waits for the kernels launched while [timed](Self::set_timed), and returns their times since
    /// the last call, by name.
    ///
    /// # Errors
    /// [`GpuError::Driver`] if a kernel failed.
    pub fn take_times(&self) -> Result<Vec<KernelTime>, GpuError> {
        self.shared.timing.take()
    }

    /// Marks this point of the work without waiting for it.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn mark(&self) -> Result<Mark, GpuError> {
        timing::mark(&self.shared.queue)
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.shared.timing
    }

    /// A kernel that can be started.
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
        // Kernels may not be unloaded while they run. Nobody is left to be told of an error.
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
