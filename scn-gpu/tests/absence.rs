//! Machines without a driver or a compiler, and devices that are too old or too new: errors of one
//! line, never a panic.
//!
//! Each test runs itself again with fewer folders in LD_LIBRARY_PATH. Libraries that the system
//! finds elsewhere cannot be hidden. The stand-in driver of these tests claims to be for the CUDA
//! version in SCN_HOST_DRIVER and to have a device of the compute capability in
//! SCN_HOST_CAPABILITY.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod skip;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use faer::Mat;
use scn_gpu::inspect::{compile_report, known_architectures};
use scn_gpu::{
    ComputeCapability, Context, DeviceInfo, GpuError, KernelFile, KernelOrigin, SetupError,
    compile_ahead, devices, encode, update,
};

use scn_solvers::{ElasticNet, Settings};

use self::skip::skipped;

/// Environment variable that is set in the process in which something is missing.
const VARIABLE: &str = "SCN_GPU_WITHOUT";

/// Environment variable that names the folder of compiled kernels.
const CACHE: &str = "SCN_CUDA_CACHE";

fn is_second_run() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Runs a test again, with these folders in the library path and these environment variables.
fn run_again_with<K: AsRef<OsStr>, V: AsRef<OsStr>>(
    test: &str,
    folders: impl IntoIterator<Item = PathBuf>,
    variables: impl IntoIterator<Item = (K, V)>,
) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(VARIABLE, "1")
        .env("LD_LIBRARY_PATH", std::env::join_paths(folders).unwrap())
        .envs(variables)
        .status()
        .unwrap();
    assert!(status.success());
}

/// Returns the folders of the library path.
fn library_path() -> Vec<PathBuf> {
    let path = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}

/// Returns the folders of the library path that do not contain a compiler.
fn without_compiler() -> impl Iterator<Item = PathBuf> {
    let folders = library_path().into_iter();
    folders.filter(|folder| !holds(folder, "libnvrtc"))
}

/// Whether a folder contains a library, under any of its names.
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
    if !is_second_run() {
        let folders = library_path();
        let kept = folders
            .into_iter()
            .filter(|folder| !holds(folder, "libcuda.so"));
        return run_again_with("without_a_driver", kept, [(CACHE, "")]);
    }
    match devices() {
        Err(error @ GpuError::Setup(SetupError::NoDriver)) => {
            assert_one_line(&error);
            assert_eq!(Context::new(0).unwrap_err(), error);
        }
        other => skipped(format!("the system has a driver: {other:?}")),
    }
}

#[test]
fn without_a_compiler() {
    if !is_second_run() {
        return run_again_with("without_a_compiler", without_compiler(), [(CACHE, "")]);
    }
    let error = match known_architectures() {
        Err(error @ GpuError::Setup(SetupError::NoCompiler)) => error,
        other => return skipped(format!("the system has a compiler: {other:?}")),
    };
    assert_one_line(&error);
    let architecture = "sm_90".parse().unwrap();
    let nowhere = Path::new("/nowhere");
    assert_eq!(
        compile_ahead(&[architecture], nowhere, false),
        Err(error.clone())
    );
    // The driver still lists its devices, and each of them reports why it cannot be used.
    let Ok(devices) = devices() else { return };
    for device in devices {
        assert_eq!(device.check(), Err(error.clone()));
        assert_eq!(Context::new(device.index).unwrap_err(), error);
    }
}

/// Kernels that one run has compiled can be used by the next run without a compiler. Missing
/// kernels are reported.
#[test]
fn without_a_compiler_but_with_compiled_kernels() {
    const TEST: &str = "without_a_compiler_but_with_compiled_kernels";
    const STEP: &str = "SCN_GPU_STEP";
    if !is_second_run() {
        let folder = tempfile::tempdir().unwrap();
        let variables =
            |step: &'static str| [(CACHE, folder.path().as_os_str()), (STEP, OsStr::new(step))];
        run_again_with(TEST, library_path(), variables("compile"));
        return run_again_with(TEST, without_compiler(), variables("run"));
    }
    if devices().is_err() {
        return skipped("there is no device");
    }
    let compiles = known_architectures().is_ok();
    if compiles != (std::env::var_os(STEP).unwrap() == "compile") {
        return skipped(format!(
            "there is a compiler in both runs or in none: {compiles}"
        ));
    }
    let context = Context::new(0).unwrap();
    let mut sum = context.zeros(2).unwrap();
    let terms = context.upload(&[1.0_f32, 2.0, 3.0, 4.0]).unwrap();
    update::add_in_order(terms.view(), sum.view_mut()).unwrap();
    assert_eq!(sum.download().unwrap(), [4.0, 6.0]);
    if compiles {
        return;
    }
    let dictionary = Mat::from_fn(2, 1, |i, _| [0.6, 0.8][i]);
    let (signals, penalty) = (Mat::zeros(2, 3), ElasticNet::nonnegative(0.5, 0.0));
    let settings = Settings::default();
    let refused = encode(
        &context,
        dictionary.as_ref(),
        &penalty,
        signals.as_ref(),
        settings,
    );
    let incomplete = devices().unwrap()[0].check();
    for error in [refused.unwrap_err(), incomplete.unwrap_err()] {
        assert_one_line(&error);
        let folder = PathBuf::from(std::env::var_os(CACHE).unwrap());
        match error {
            GpuError::Setup(SetupError::NotCompiled {
                folder: said,
                reason,
                ..
            }) => {
                assert_eq!((said, *reason), (folder, SetupError::NoCompiler));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Runs a test again with a single compiler: `bring` puts its first library into a folder, but not
/// its second.
fn run_again_with_first_library(test: &str, bring: impl Fn(&Path, &Path)) {
    let folders = library_path();
    let Some(compiler) = folders.iter().find(|folder| holds(folder, "libnvrtc")) else {
        return skipped("no folder of LD_LIBRARY_PATH holds a compiler");
    };
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(compiler).unwrap().flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with("libnvrtc.so") {
            let library = entry.path().canonicalize().unwrap();
            bring(&library, &folder.path().join(name));
        }
    }
    let folders = without_compiler().chain([folder.path().to_path_buf()]);
    run_again_with(test, folders, [(CACHE, "")]);
}

#[test]
fn a_compiler_without_its_second_library() {
    if !is_second_run() {
        let copy = |from: &Path, to: &Path| assert!(std::fs::copy(from, to).is_ok());
        return run_again_with_first_library("a_compiler_without_its_second_library", copy);
    }
    let newest = *known_architectures().unwrap().last().unwrap();
    let error = match compile_report(KernelFile::Loss, newest) {
        Err(error @ GpuError::Setup(SetupError::CompilerIncomplete { .. })) => error,
        other => return skipped(format!("the system has the second library: {other:?}")),
    };
    assert_one_line(&error);
    let message = error.to_string();
    assert!(message.contains("libnvrtc-builtins.so.1"), "{message}");
    assert!(message.contains("/libnvrtc.so"), "{message}");
    let Ok(devices) = devices() else { return };
    assert_eq!(devices[0].check(), Err(error));
}

/// NVRTC 13 looks for its second library only where the loader does, so it does not find a library
/// that is beside the target of a link. This crate does.
#[cfg(unix)]
#[test]
fn a_compiler_whose_second_library_is_beside_it_only() {
    if !is_second_run() {
        let link = |from: &Path, to: &Path| std::os::unix::fs::symlink(from, to).unwrap();
        let test = "a_compiler_whose_second_library_is_beside_it_only";
        return run_again_with_first_library(test, link);
    }
    let newest = *known_architectures().unwrap().last().unwrap();
    assert!(!compile_report(KernelFile::Loss, newest).unwrap().is_empty());
}

/// A driver runs code from newer compilers only within the same major version of CUDA.
#[test]
fn a_driver_that_is_older_than_the_compiler() {
    if !is_second_run() {
        return run_again_with(
            "a_driver_that_is_older_than_the_compiler",
            library_path(),
            [
                (CACHE, ""),
                ("SCN_HOST_DRIVER", "11080"),
                ("SCN_HOST_CAPABILITY", "80"),
            ],
        );
    }
    let device = match devices() {
        Ok(mut devices) => devices.swap_remove(0),
        Err(error) => return skipped(error),
    };
    if device.driver_version.to_string() != "11.8" {
        return skipped("there is no driver of CUDA 11.8");
    }
    let error = device.check().unwrap_err();
    assert!(
        matches!(
            error,
            GpuError::Setup(SetupError::CompilerTooNewForDriver { .. })
        ),
        "{error}"
    );
    assert_one_line(&error);
    assert_eq!(Context::new(0).unwrap_err(), error);
}

/// The driver lacks the function with which cudarc measures times, and cudarc panics without it.
#[test]
fn a_driver_that_is_too_old_to_measure_times() {
    if !is_second_run() {
        return run_again_with(
            "a_driver_that_is_too_old_to_measure_times",
            library_path(),
            [("SCN_HOST_DRIVER", "12060"), ("SCN_HOST_CAPABILITY", "80")],
        );
    }
    let context = match Context::new(0) {
        Ok(context) if context.info().driver_version.to_string() == "12.6" => context,
        other => return skipped(format!("there is no driver of CUDA 12.6: {other:?}")),
    };
    let error = context.mark().unwrap_err();
    assert!(
        matches!(error, GpuError::Setup(SetupError::DriverTooOld { .. })),
        "{error}"
    );
    assert_one_line(&error);
}

#[test]
fn a_device_that_is_not_there() {
    let Ok(devices) = devices() else {
        return skipped("there is no device");
    };
    let (index, count) = (devices.len() + 3, devices.len());
    let error = Context::new(index).unwrap_err();
    assert_eq!(
        error,
        GpuError::Setup(SetupError::DeviceIndex { index, count })
    );
    assert_one_line(&error);
}

/// Returns the first device, if it has this compute capability.
fn device_of(capability: (u32, u32)) -> Option<DeviceInfo> {
    let device = devices().ok()?.swap_remove(0);
    let ComputeCapability { major, minor } = device.compute_capability;
    ((major, minor) == capability).then_some(device)
}

#[test]
fn a_device_that_is_too_old() {
    if !is_second_run() {
        return run_again_with(
            "a_device_that_is_too_old",
            library_path(),
            [("SCN_HOST_CAPABILITY", "52")],
        );
    }
    let Some(device) = device_of((5, 2)) else {
        return skipped("there is no device of compute capability 5.2");
    };
    let error = Context::new(0).unwrap_err();
    assert!(matches!(
        error,
        GpuError::Setup(SetupError::ComputeCapability { index: 0, .. })
    ));
    assert_one_line(&error);
    assert_eq!(device.check(), Err(error));
}

/// The driver then compiles portable code to machine code.
#[test]
fn a_device_that_the_compiler_does_not_know() {
    if !is_second_run() {
        return run_again_with(
            "a_device_that_the_compiler_does_not_know",
            library_path(),
            [("SCN_HOST_CAPABILITY", "193")],
        );
    }
    let Some(device) = device_of((19, 3)) else {
        return skipped("there is no device of compute capability 19.3");
    };
    let compiler = device.kernels().unwrap();
    assert!(
        matches!(compiler, KernelOrigin::Compiler { .. }),
        "{compiler:?}"
    );
    let context = Context::new(0).unwrap();
    let sums = [1.0_f32, 2.0, 3.0, 4.0];
    let mut sum = context.zeros(2).unwrap();
    let uploaded = context.upload(&sums).unwrap();
    update::add_in_order(uploaded.view(), sum.view_mut()).unwrap();
    assert_eq!(sum.download().unwrap(), [4.0, 6.0]);
}
