//! The driver: whether it is there, and what devices it sees.
//!
//! cudarc looks for the libraries at their first use and panics if they are missing or lack a function, so that everything starts here.

#![expect(unsafe_code, reason = "asks the driver's library for its version")]

use std::sync::Arc;

use cudarc::driver::sys::{self, CUdevice_attribute, CUresult};
use cudarc::driver::{CudaContext, DriverError, result};

use crate::library::{DRIVER, number};
use crate::supply::{KernelOrigin, Supply};
use crate::version::{
    ComputeCapability, CudaVersion, OLDEST_DEVICE, OLDEST_DRIVER, OLDEST_DRIVER_FOR_GRAPHS,
    OLDEST_DRIVER_FOR_TIMES,
};
use crate::{GpuError, SetupError};

/// What is asked for when a device's attributes are.
const DESCRIBE: &str = "describe the device";

/// A device as the driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Number among the devices, from 0.
    pub index: usize,
    /// The maker's name for it.
    pub name: String,
    /// Its generation.
    pub compute_capability: ComputeCapability,
    /// Bytes of memory.
    pub memory_total: usize,
    /// Bytes of it that nobody uses; None where the device lets nobody in to ask.
    pub memory_free: Option<usize>,
    /// The latest CUDA that the driver supports.
    pub driver_version: CudaVersion,
}

impl DeviceInfo {
    /// Where this device's kernels come from; an error if not all of them can be had. Compiles a kernel to see whether the compiler can, a
    /// tenth of a second or two; without a compiler, reads the folder of compiled kernels.
    ///
    /// # Errors
    /// A device or driver that is too old, or no fitting compiler where not all kernels are compiled.
    pub fn kernels(&self) -> Result<KernelOrigin, GpuError> {
        self.check_generation()?;
        Ok(Supply::new(self.compute_capability, self.driver_version).origin()?)
    }

    /// `Ok` if all kernels can be had for this device.
    ///
    /// # Errors
    /// As for [`kernels`](Self::kernels).
    pub fn check(&self) -> Result<(), GpuError> {
        self.kernels().map(drop)
    }

    fn check_generation(&self) -> Result<(), SetupError> {
        if self.compute_capability < OLDEST_DEVICE {
            return Err(SetupError::ComputeCapability {
                index: self.index,
                found: self.compute_capability,
                needed: OLDEST_DEVICE,
            });
        }
        Ok(())
    }

    /// What the device can do at most, at the clocks that its driver names.
    ///
    /// # Errors
    /// The driver's.
    pub fn peak(&self) -> Result<Peak, GpuError> {
        use CUdevice_attribute::{
            CU_DEVICE_ATTRIBUTE_CLOCK_RATE as CLOCK,
            CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH as MEMORY_BITS,
            CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE as MEMORY_CLOCK,
            CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT as MULTIPROCESSORS,
        };
        let device = result::device::get(self.index as i32).map_err(failed(DESCRIBE))?;
        let number = |which| attribute(device, which).map(f64::from);
        // Clocks come in kHz; memory moves data twice in each of its own.
        let multiply_adds = number(MULTIPROCESSORS)? * self.compute_capability.lanes();
        Ok(Peak {
            operations_per_second: 2.0 * multiply_adds * 1e3 * number(CLOCK)?,
            bytes_per_second: 2.0 * 1e3 * number(MEMORY_CLOCK)? * number(MEMORY_BITS)? / 8.0,
        })
    }
}

/// What a device can do at most.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Peak {
    /// In f32 without tensor cores; a fused multiply-add counts as two.
    pub operations_per_second: f64,
    /// Read or written, of the device's memory.
    pub bytes_per_second: f64,
}

impl ComputeCapability {
    /// Multiply-adds in f32 that a multiprocessor begins in a cycle: from the table of throughputs in CUDA's programming guide.
    fn lanes(self) -> f64 {
        match (self.major, self.minor) {
            (6 | 8, 0) | (7, _) => 64.0,
            _ => 128.0,
        }
    }
}

/// All devices that the driver sees, also those that are too old: see [`DeviceInfo::check`].
///
/// # Errors
/// No driver, one that is too old, or no device.
pub fn devices() -> Result<Vec<DeviceInfo>, GpuError> {
    let driver_version = start()?;
    (0..count()?)
        .map(|index| {
            let mut info = describe(index, driver_version)?;
            info.memory_free = CudaContext::new(index)
                .ok()
                .as_deref()
                .and_then(free_memory);
            Ok(info)
        })
        .collect()
}

/// The driver's context of a device, and the device.
pub(crate) fn open(index: usize) -> Result<(Arc<CudaContext>, DeviceInfo), GpuError> {
    let driver_version = start()?;
    let count = count()?;
    if index >= count {
        return Err(SetupError::DeviceIndex { index, count }.into());
    }
    let mut info = describe(index, driver_version)?;
    info.check_generation()?;
    let context = CudaContext::new(index).map_err(failed("open the device"))?;
    info.memory_free = free_memory(&context);
    // SAFETY: events order the work of several streams; here every context has one, and launches refuse buffers of another.
    unsafe { context.disable_event_tracking() };
    Ok((context, info))
}

/// What is called of every driver, whatever its version.
const FIRST: [&str; 3] = ["cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString"];

/// What is called of those that are new enough, by this crate or by cudarc.
const FUNCTIONS: [&str; 44] = [
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuCtxSynchronize",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDeviceTotalMem_v2",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventQuery",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuFuncGetAttribute",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuGraphLaunch",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAllocAsync",
    "cuMemAlloc_v2",
    "cuMemFreeAsync",
    "cuMemFreeHost",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemHostAlloc",
    "cuMemcpyDtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyDtoH_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyHtoD_v2",
    "cuMemsetD8Async",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuStreamBeginCapture_v2",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamEndCapture",
    "cuStreamIsCapturing",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
];

/// What later versions have, and is called of these only.
const LATER: [(CudaVersion, &str); 2] = [
    (OLDEST_DRIVER_FOR_GRAPHS, "cuGraphInstantiateWithFlags"),
    (OLDEST_DRIVER_FOR_TIMES, "cuEventElapsedTime_v2"),
];

/// Initialises the driver.
fn start() -> Result<CudaVersion, GpuError> {
    DRIVER.require(&FIRST)?;
    let mut version = 0;
    // SAFETY: the library and the function are there, and the argument outlives the call.
    let told = unsafe { sys::cuDriverGetVersion(&mut version) };
    told.result().map_err(failed("tell its version"))?;
    let version = version.unsigned_abs();
    let found = CudaVersion {
        major: version / 1000,
        minor: version % 1000 / 10,
    };
    expect_driver(found, OLDEST_DRIVER)?;
    DRIVER.require(&FUNCTIONS)?;
    for (_, function) in LATER.iter().filter(|(since, _)| found >= *since) {
        DRIVER.require(&[function])?;
    }
    let no_device = number(CUresult::CUDA_ERROR_NO_DEVICE);
    match result::init() {
        Ok(()) => Ok(found),
        Err(DriverError(error)) if number(error) == no_device => Err(SetupError::NoDevice.into()),
        Err(error) => Err(failed("start")(error)),
    }
}

fn count() -> Result<usize, GpuError> {
    match result::device::get_count().map_err(failed("count the devices"))? {
        ..=0 => Err(SetupError::NoDevice.into()),
        count => Ok(count.unsigned_abs() as usize),
    }
}

fn describe(index: usize, driver_version: CudaVersion) -> Result<DeviceInfo, GpuError> {
    use CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
    };
    let describe = failed(DESCRIBE);
    let device = result::device::get(index as i32).map_err(&describe)?;
    // SAFETY: the device is one that the driver has just named.
    let memory_total = unsafe { result::device::total_mem(device) }.map_err(&describe)?;
    Ok(DeviceInfo {
        index,
        name: result::device::get_name(device).map_err(&describe)?,
        compute_capability: ComputeCapability {
            major: attribute(device, MAJOR)?,
            minor: attribute(device, MINOR)?,
        },
        memory_total,
        memory_free: None,
        driver_version,
    })
}

fn attribute(device: sys::CUdevice, which: CUdevice_attribute) -> Result<u32, GpuError> {
    // SAFETY: the driver has named this device.
    let value = unsafe { result::device::get_attribute(device, which) };
    value.map(i32::unsigned_abs).map_err(failed(DESCRIBE))
}

/// Bytes that nobody uses.
pub(crate) fn free_memory(context: &CudaContext) -> Option<usize> {
    context.mem_get_info().ok().map(|(free, _)| free)
}

/// `Ok` if a driver is for the version of CUDA that is needed, or a later one.
pub(crate) fn expect_driver(found: CudaVersion, needed: CudaVersion) -> Result<(), SetupError> {
    if found < needed {
        return Err(SetupError::DriverTooOld { found, needed });
    }
    Ok(())
}

/// The error of a call that was to do something.
pub(crate) fn failed(action: &'static str) -> impl Fn(DriverError) -> GpuError {
    move |error| GpuError::Driver {
        action,
        reason: reason(error),
    }
}

/// The driver's words for an error. It may be one of a later version, which cudarc does not know.
pub(crate) fn reason(error: DriverError) -> String {
    let number = number(error.0);
    let text = error.error_string().map(|text| text.to_string_lossy());
    let name = error.error_name().map(|name| name.to_string_lossy());
    match (text, name) {
        (Ok(text), Ok(name)) => format!("{text} ({name})"),
        (Ok(text), Err(_)) => format!("{text} (error {number})"),
        (Err(_), _) => format!("error {number}, which it does not explain"),
    }
}
