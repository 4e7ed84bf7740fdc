//! The devices of this machine.

#![expect(
    unsafe_code,
    reason = "queries the driver about devices by their handles"
)]

use std::sync::Arc;

use cudarc::driver::sys::{self, CUdevice_attribute};
use cudarc::driver::{CudaContext, result};

use crate::driver::{count, failed, free_memory, start};
use crate::error::{GpuError, SetupError};
use crate::version::{ComputeCapability, CudaVersion, OLDEST_DEVICE};

/// The action named in errors of queries.
const DESCRIBE: &str = "query the device";

/// A description of a device by its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Index of the device, counted from 0.
    pub index: usize,
    /// Product name of the device.
    pub name: String,
    /// Compute capability of the device.
    pub compute_capability: ComputeCapability,
    /// Total memory in bytes.
    pub memory_total: usize,
    /// Free memory in bytes. `None` if the device cannot be opened.
    pub memory_free: Option<usize>,
    /// The latest CUDA version that the driver supports.
    pub driver_version: CudaVersion,
}

impl DeviceInfo {
    /// Checks that kernels support the compute capability of the device.
    pub(crate) fn check_generation(&self) -> Result<(), SetupError> {
        if self.compute_capability < OLDEST_DEVICE {
            return Err(SetupError::ComputeCapability {
                index: self.index,
                found: self.compute_capability,
                needed: OLDEST_DEVICE,
            });
        }
        Ok(())
    }

    /// Returns the peak rates of the device, at the clock rates that its driver reports.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if the driver fails.
    pub fn peak(&self) -> Result<Peak, GpuError> {
        use CUdevice_attribute::{
            CU_DEVICE_ATTRIBUTE_CLOCK_RATE as CLOCK,
            CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH as MEMORY_BITS,
            CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE as MEMORY_CLOCK,
            CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT as MULTIPROCESSORS,
        };
        let device = result::device::get(self.index as i32).map_err(failed(DESCRIBE))?;
        let number = |which| attribute(device, which).map(f64::from);
        // Clock rates are in kHz. Memory transfers data twice per clock cycle.
        let multiply_adds = number(MULTIPROCESSORS)? * self.compute_capability.lanes();
        Ok(Peak {
            operations_per_second: 2.0 * multiply_adds * 1e3 * number(CLOCK)?,
            bytes_per_second: 2.0 * 1e3 * number(MEMORY_CLOCK)? * number(MEMORY_BITS)? / 8.0,
        })
    }
}

/// Peak rates of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Peak {
    /// Arithmetic operations per second in f32, without tensor cores. A fused multiply-add counts
    /// as two.
    pub operations_per_second: f64,
    /// Bytes of device memory read or written per second.
    pub bytes_per_second: f64,
}

impl ComputeCapability {
    /// Multiply-adds in f32 that a multiprocessor starts per cycle, from the throughput table of
    /// the CUDA programming guide.
    fn lanes(self) -> f64 {
        match (self.major, self.minor) {
            (6 | 8, 0) | (7, _) => 64.0,
            _ => 128.0,
        }
    }
}

/// Lists all devices that the driver finds, including unsupported ones (see [`DeviceInfo::check`]).
///
/// # Errors
/// Returns an error if there is no driver, if it is too old, or if there is no device.
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

/// Opens a device. Returns the driver's context and a description of the device.
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
    // SAFETY: events order the work of several streams, but every context here has a single one,
    // and launches reject buffers of other contexts.
    unsafe { context.disable_event_tracking() };
    Ok((context, info))
}

fn describe(index: usize, driver_version: CudaVersion) -> Result<DeviceInfo, GpuError> {
    use CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
    };
    let describe = failed(DESCRIBE);
    let device = result::device::get(index as i32).map_err(&describe)?;
    // SAFETY: the driver has just returned this device.
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
    // SAFETY: the driver has returned this device.
    let value = unsafe { result::device::get_attribute(device, which) };
    value.map(i32::unsigned_abs).map_err(failed(DESCRIBE))
}
