//! Machines without a driver or a compiler, and devices that are too old or too new: an error of one line, never a panic.
//!
//! Each test runs itself once more with less in LD_LIBRARY_PATH; libraries that the system finds elsewhere cannot be hidden. The stand-in
//! driver of these tests pretends to have a device of the generation in SCN_HOST_CAPABILITY.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod skip;

use std::path::{Path, PathBuf};
use std::process::Command;

use scn_gpu::{ComputeCapability, Context, DeviceInfo, GpuError, Source, devices, update};

use self::skip::skipped;

/// Set in the process in which something is missing.
const VARIABLE: &str = "SCN_GPU_WITHOUT";

/// Runs a test again with only those folders of the library path that are kept; false if this is that run already.
fn run_again(test: &str, keep: impl Fn(&Path) -> bool, capability: &str) -> bool {
    if std::env::var_os(VARIABLE).is_some() {
        return false;
    }
    let path = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path)
        .filter(|folder| keep(folder))
        .collect();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(VARIABLE, "1")
        .env("SCN_HOST_CAPABILITY", capability)
        .env("LD_LIBRARY_PATH", std::env::join_paths(folders).unwrap())
        .status()
        .unwrap();
    assert!(status.success());
    true
}

/// Whether a folder holds a library, under any of the names it goes by.
fn holds(folder: &Path, library: &str) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        let mut names = entries.flatten().map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().starts_with(library))
    })
}

fn assert_one_line(error: &GpuError) {
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(!message.contains("  "), "{message}");
}

#[test]
fn without_a_driver() {
    if run_again(
        "without_a_driver",
        |folder| !holds(folder, "libcuda.so"),
        "80",
    ) {
        return;
    }
    match devices() {
        Err(error @ GpuError::NoDriver) => {
            assert_one_line(&error);
            assert_eq!(Context::new(0).unwrap_err(), error);
        }
        other => skipped(format!("the system has a driver: {other:?}")),
    }
}

#[test]
fn without_a_compiler() {
    if run_again(
        "without_a_compiler",
        |folder| !holds(folder, "libnvrtc"),
        "80",
    ) {
        return;
    }
    let error = match scn_gpu::inspect::compile_report(Source::Loss, 61) {
        Err(error @ GpuError::NoCompiler) => error,
        other => return skipped(format!("the system has a compiler: {other:?}")),
    };
    assert_one_line(&error);
    // A driver sees its devices all the same, and says why they are of no use.
    let Ok(devices) = devices() else { return };
    for device in devices {
        assert_eq!(device.check(), Err(error.clone()));
        assert_eq!(Context::new(device.index).unwrap_err(), error);
    }
}

#[test]
fn a_device_that_is_not_there() {
    let Ok(devices) = devices() else {
        return skipped("there is no device");
    };
    let (index, count) = (devices.len() + 3, devices.len());
    let error = Context::new(index).unwrap_err();
    assert_eq!(error, GpuError::DeviceIndex { index, count });
    assert_one_line(&error);
}

/// The first device, if it is of this generation.
fn device_of(capability: (u32, u32)) -> Option<DeviceInfo> {
    let device = devices().ok()?.swap_remove(0);
    let ComputeCapability { major, minor } = device.compute_capability;
    ((major, minor) == capability).then_some(device)
}

#[test]
fn a_device_that_is_too_old() {
    if run_again("a_device_that_is_too_old", |_| true, "52") {
        return;
    }
    let Some(device) = device_of((5, 2)) else {
        return skipped("there is no device of compute capability 5.2");
    };
    let error = Context::new(0).unwrap_err();
    assert!(matches!(
        error,
        GpuError::ComputeCapability { index: 0, .. }
    ));
    assert_one_line(&error);
    assert_eq!(device.check(), Err(error));
}

/// The driver then makes machine code of portable code.
#[test]
fn a_device_that_the_compiler_does_not_know() {
    if run_again("a_device_that_the_compiler_does_not_know", |_| true, "121") {
        return;
    }
    let Some(device) = device_of((12, 1)) else {
        return skipped("there is no device of compute capability 12.1");
    };
    assert_eq!(device.check(), Ok(()));
    let context = Context::new(0).unwrap();
    let sums = [1.0_f32, 2.0, 3.0, 4.0];
    let mut sum = context.zeros(2).unwrap();
    let uploaded = context.upload(&sums).unwrap();
    update::add_in_order(uploaded.view(), sum.view_mut()).unwrap();
    assert_eq!(sum.download().unwrap(), [4.0, 6.0]);
}
