//! The driver: its functions, its version, and its errors.
//!
//! cudarc looks for the libraries at their first use and panics if they are missing or lack a
//! function, so that everything starts here.

#![expect(unsafe_code, reason = "asks the driver's library for its version")]

use cudarc::driver::sys::{self, CUresult};
use cudarc::driver::{CudaContext, DriverError, result};

use crate::error::{GpuError, SetupError};
use crate::library::{DRIVER, number};
use crate::version::{
    CudaVersion, OLDEST_DRIVER, OLDEST_DRIVER_FOR_GRAPHS, OLDEST_DRIVER_FOR_TIMES,
};

/// The functions that are called of every driver, whatever its version.
const FIRST: [&str; 3] = ["cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString"];

/// The functions that this crate or cudarc calls of a driver that is new enough.
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

/// The functions of later versions, which are called of these only.
const LATER: [(CudaVersion, &str); 2] = [
    (OLDEST_DRIVER_FOR_GRAPHS, "cuGraphInstantiateWithFlags"),
    (OLDEST_DRIVER_FOR_TIMES, "cuEventElapsedTime_v2"),
];

/// Initialises the driver, and says which version of CUDA it supports.
pub(crate) fn start() -> Result<CudaVersion, GpuError> {
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

/// The number of devices that the driver sees, at least one.
pub(crate) fn count() -> Result<usize, GpuError> {
    match result::device::get_count().map_err(failed("count the devices"))? {
        ..=0 => Err(SetupError::NoDevice.into()),
        count => Ok(count.unsigned_abs() as usize),
    }
}

/// Bytes of memory that are free.
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

/// The error of a call that failed to do `action`.
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
