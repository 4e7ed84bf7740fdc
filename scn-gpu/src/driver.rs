//! The driver: its functions, its version, and its errors.
//!
//! cudarc loads the libraries on first use, and panics if one is missing or lacks a function.
//! Therefore the driver is always checked here first.

#![expect(unsafe_code, reason = "queries the version of the driver")]

use cudarc::driver::sys::{self, CUresult};
use cudarc::driver::{CudaContext, DriverError, result};

use crate::error::{GpuError, SetupError};
use crate::library::{DRIVER, number};
use crate::version::{
    CudaVersion, OLDEST_DRIVER, OLDEST_DRIVER_FOR_GRAPHS, OLDEST_DRIVER_FOR_TIMES,
};

/// Functions that are called on every driver, whatever its version.
const FIRST: [&str; 3] = ["cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString"];

/// Functions that this crate or cudarc calls once the driver is known to be new enough.
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

/// Functions that are called only on drivers of at least the given version.
const LATER: [(CudaVersion, &str); 2] = [
    (OLDEST_DRIVER_FOR_GRAPHS, "cuGraphInstantiateWithFlags"),
    (OLDEST_DRIVER_FOR_TIMES, "cuEventElapsedTime_v2"),
];

/// Initialises the driver, and returns the CUDA version that it supports.
pub(crate) fn start() -> Result<CudaVersion, GpuError> {
    DRIVER.require(&FIRST)?;
    let mut version = 0;
    // SAFETY: the library has this function, and the argument outlives the call.
    let told = unsafe { sys::cuDriverGetVersion(&mut version) };
    told.result().map_err(failed("report its version"))?;
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
        Err(error) => Err(failed("initialise")(error)),
    }
}

/// Returns the number of devices that the driver finds, which is at least one.
pub(crate) fn count() -> Result<usize, GpuError> {
    match result::device::get_count().map_err(failed("count the devices"))? {
        ..=0 => Err(SetupError::NoDevice.into()),
        count => Ok(count.unsigned_abs() as usize),
    }
}

/// Returns the free device memory in bytes.
pub(crate) fn free_memory(context: &CudaContext) -> Option<usize> {
    context.mem_get_info().ok().map(|(free, _)| free)
}

/// Checks that the driver supports the required CUDA version.
pub(crate) fn expect_driver(found: CudaVersion, needed: CudaVersion) -> Result<(), SetupError> {
    if found < needed {
        return Err(SetupError::DriverTooOld { found, needed });
    }
    Ok(())
}

/// Returns a conversion of driver errors that names the `action` that failed.
pub(crate) fn failed(action: &'static str) -> impl Fn(DriverError) -> GpuError {
    move |error| GpuError::Driver {
        action,
        reason: reason(error),
    }
}

/// Returns the driver's description of an error. Later drivers may return errors that cudarc does
/// not define.
pub(crate) fn reason(error: DriverError) -> String {
    let number = number(error.0);
    let text = error.error_string().map(|text| text.to_string_lossy());
    let name = error.error_name().map(|name| name.to_string_lossy());
    match (text, name) {
        (Ok(text), Ok(name)) => format!("{text} ({name})"),
        (Ok(text), Err(_)) => format!("{text} (error {number})"),
        (Err(_), _) => format!("unknown error {number}"),
    }
}
