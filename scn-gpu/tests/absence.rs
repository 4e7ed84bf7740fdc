//! Machines without a driver or a compiler: an error of one line, never a panic.
//!
//! Each test runs itself once more with less in LD_LIBRARY_PATH; libraries that the system finds elsewhere cannot be hidden.

use std::path::{Path, PathBuf};
use std::process::Command;

use scn_gpu::{Context, GpuError, Source, devices};

/// Set in the process in which something is missing.
const VARIABLE: &str = "SCN_GPU_WITHOUT";

/// Runs a test again with only those folders of the library path that are kept; false if this is that run already.
fn run_again(test: &str, keep: impl Fn(&Path) -> bool) -> bool {
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

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

fn assert_one_line(error: &GpuError) {
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(!message.contains("  "), "{message}");
}

#[test]
fn without_a_driver() {
    if run_again("without_a_driver", |folder| !holds(folder, "libcuda.so")) {
        return;
    }
    match devices() {
        Err(error @ GpuError::NoDriver) => {
            assert_one_line(&error);
            assert_eq!(Context::new(0).unwrap_err(), error);
        }
        other => skipped(&format!("the system has a driver: {other:?}")),
    }
}

#[test]
fn without_a_compiler() {
    if run_again("without_a_compiler", |folder| !holds(folder, "libnvrtc")) {
        return;
    }
    let error = match scn_gpu::inspect::compile_report(Source::Loss, 61) {
        Err(error @ GpuError::NoCompiler) => error,
        other => return skipped(&format!("the system has a compiler: {other:?}")),
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
