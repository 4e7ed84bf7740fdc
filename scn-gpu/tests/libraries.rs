//! Files that are not libraries, and CUDA libraries that lack a function or return values that no
//! known version returns: errors of one line, never a panic.
//!
//! For each case, the C compiler builds a small library, and this test runs again in a process that
//! finds it first.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod skip;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use scn_gpu::inspect::{compile_report, known_architectures};
use scn_gpu::{Context, KernelFile, NcclId, devices};

use self::skip::skipped;

/// Environment variables: what the second process asks for, and the error that it must get.
const ASKED: &str = "SCN_GPU_ASKED";
const EXPECTED: &str = "SCN_GPU_EXPECTED";

/// Not a test by itself: the process that the other tests start.
#[test]
fn second_process() {
    let Ok(asked) = std::env::var(ASKED) else {
        return;
    };
    let error = match asked.as_str() {
        "devices" => {
            let error = devices().unwrap_err();
            assert_eq!(Context::new(0).unwrap_err(), error);
            error
        }
        "device" => devices().unwrap()[0].check().unwrap_err(),
        "context" => Context::new(0).unwrap_err(),
        "architectures" => known_architectures().unwrap_err(),
        "compile" => {
            let newest = *known_architectures().unwrap().last().unwrap();
            compile_report(KernelFile::Loss, newest).unwrap_err()
        }
        "nccl" => NcclId::new().unwrap_err(),
        other => panic!("{other}"),
    };
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    let expected = std::env::var(EXPECTED).unwrap();
    assert!(message.contains(&expected), "{message}\nnot {expected}");
    // Formatting the error for debugging must not crash, either.
    let _ = format!("{error:?}");
}

/// A library in C, whose functions return 0 unless they are replaced.
#[derive(Clone)]
struct Library {
    file: &'static str,
    /// The parameters and the body of each function.
    functions: BTreeMap<String, String>,
}

impl Library {
    /// Creates a library with all functions that are named in a source file of the crate.
    fn whole(file: &'static str, source: &str, prefix: &str) -> Self {
        let is_function = |text: &&str| {
            let rest = text.strip_prefix(prefix).unwrap_or_default();
            let is_name = text.chars().all(|c| c.is_alphanumeric() || c == '_');
            let is_result = text.ends_with("Error") || text.contains("Invalid");
            rest.starts_with(char::is_uppercase) && is_name && !is_result || *text == "nvrtcVersion"
        };
        let names = source.split('"').filter(is_function);
        let functions = names
            .map(|name| (name.to_string(), "() { return 0; }".to_string()))
            .collect();
        Self { file, functions }
    }

    fn with(mut self, function: &str, definition: &str) -> Self {
        let known = self
            .functions
            .insert(function.to_string(), definition.to_string());
        assert!(known.is_some(), "{function}");
        self
    }

    fn without(mut self, function: &str) -> Self {
        self.functions.remove(function).unwrap();
        self
    }

    /// Builds the library. Returns false without a C compiler.
    fn make(&self, folder: &Path) -> bool {
        let mut text = String::from("#include <stddef.h>\n");
        for (name, definition) in &self.functions {
            writeln!(text, "int {name}{definition}").unwrap();
        }
        let source = folder.join("library.c");
        std::fs::write(&source, text).unwrap();
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-w", "-O0", "-std=gnu11", "-o"])
            .arg(folder.join(self.file))
            .arg(&source)
            .status();
        match made {
            Ok(status) => {
                assert!(status.success());
                true
            }
            Err(error) => {
                skipped(format!("there is no C compiler: {error}"));
                false
            }
        }
    }

    /// Asserts that a process that finds this library gets an error with these words.
    fn assert_refused(&self, asked: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        if self.make(folder.path()) {
            assert_refused(folder.path(), asked, expected);
        }
    }
}

fn assert_refused(folder: &Path, asked: &str, expected: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "second_process", "--nocapture"])
        .env(ASKED, asked)
        .env(EXPECTED, expected)
        .env("LD_LIBRARY_PATH", folder)
        .env("SCN_CUDA_CACHE", "")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?} {said}", output.status);
}

fn driver() -> Library {
    let attribute = "(int *value, int which, int device) { *value = which == 75 ? 8 : which == 76 ? 0 : 1; return 0; }";
    Library::whole("libcuda.so", include_str!("../src/driver.rs"), "cu")
        .with(
            "cuDriverGetVersion",
            "(int *version) { *version = 13000; return 0; }",
        )
        .with(
            "cuGetErrorName",
            "(int code, const char **name) { *name = NULL; return 1; }",
        )
        .with(
            "cuGetErrorString",
            "(int code, const char **text) { *text = NULL; return 1; }",
        )
        .with("cuDeviceGetCount", "(int *count) { *count = 1; return 0; }")
        .with(
            "cuDeviceGetName",
            "(char *name, int length) { name[0] = 'x'; name[1] = 0; return 0; }",
        )
        .with(
            "cuDeviceTotalMem_v2",
            "(size_t *bytes) { *bytes = 1; return 0; }",
        )
        .with("cuDeviceGetAttribute", attribute)
}

fn compiler() -> Library {
    let size = "(void *program, size_t *size) { *size = 1; return 0; }";
    let text = "(void *program, char *text) { text[0] = 0; return 0; }";
    Library::whole(
        "libnvrtc.so",
        include_str!("../src/compile/nvrtc.rs"),
        "nvrtc",
    )
    .with(
        "nvrtcVersion",
        "(int *major, int *minor) { *major = 13; *minor = 0; return 0; }",
    )
    .with(
        "nvrtcGetNumSupportedArchs",
        "(int *count) { *count = 1; return 0; }",
    )
    .with(
        "nvrtcGetSupportedArchs",
        "(int *numbers) { numbers[0] = 90; return 0; }",
    )
    .with("nvrtcGetProgramLogSize", size)
    .with("nvrtcGetProgramLog", text)
}

fn nccl() -> Library {
    Library::whole("libnccl.so", include_str!("../src/communicator.rs"), "nccl")
}

/// There is a file for each name that cudarc tries first.
#[test]
fn a_file_that_is_no_library() {
    for (stem, asked, expected) in [
        ("libcuda", "devices", "the CUDA driver cannot be loaded: "),
        (
            "libnvrtc",
            "architectures",
            "the CUDA compiler cannot be loaded: ",
        ),
        ("libnccl", "nccl", "NCCL cannot be loaded: "),
    ] {
        for content in ["", "no library\n"] {
            let folder = tempfile::tempdir().unwrap();
            for end in ["so", "so.1", "so.11", "so.12", "so.13"] {
                let file = folder.path().join(format!("{stem}.{end}"));
                std::fs::write(file, content).unwrap();
            }
            assert_refused(
                folder.path(),
                asked,
                &format!("{expected}{}", folder.path().display()),
            );
        }
    }
}

#[test]
fn a_library_that_lacks_a_function() {
    for (whole, asked, name, count) in [
        (driver(), "devices", "the CUDA driver", 49),
        (compiler(), "architectures", "the CUDA compiler", 12),
        (nccl(), "nccl", "NCCL", 5),
    ] {
        assert_eq!(whole.functions.len(), count);
        for function in whole.functions.keys() {
            let lacks = whole.clone().without(function);
            lacks.assert_refused(asked, &format!("{name} lacks the function {function}: "));
        }
    }
}

/// An old library lacks more functions, which does not make it damaged.
#[test]
fn a_library_that_is_too_old() {
    let mut old = driver().with(
        "cuDriverGetVersion",
        "(int *version) { *version = 10020; return 0; }",
    );
    old.functions
        .retain(|name, _| name.starts_with("cuGetError") || name == "cuDriverGetVersion");
    old.assert_refused(
        "devices",
        "the driver supports CUDA 10.2, but 11.2 is needed",
    );
    let mut old = compiler().with(
        "nvrtcVersion",
        "(int *major, int *minor) { *major = 10; *minor = 2; return 0; }",
    );
    old.functions.retain(|name, _| name == "nvrtcVersion");
    old.assert_refused(
        "architectures",
        "the CUDA compiler has version 10.2, but 11.2 or later is needed",
    );
}

/// Functions of later versions are not required of earlier ones.
#[test]
fn a_driver_that_is_old_enough_to_lack_functions() {
    for (version, function) in [
        (11_030, "cuGraphInstantiateWithFlags"),
        (12_060, "cuEventElapsedTime_v2"),
    ] {
        let old = driver()
            .with(
                "cuDriverGetVersion",
                &format!("(int *version) {{ *version = {version}; return 0; }}"),
            )
            .with("cuDeviceGetCount", "(int *count) { *count = 0; return 0; }")
            .without(function);
        old.assert_refused("devices", "the CUDA driver finds no device");
    }
}

/// Error codes between the known ones, and beyond them.
#[test]
fn results_that_nobody_knows() {
    for code in [998, 12_345] {
        let returns = format!("() {{ return {code}; }}");
        let fails = |function: &str| driver().with(function, &returns);
        for (function, asked, action) in [
            ("cuDriverGetVersion", "devices", "report its version"),
            ("cuInit", "devices", "initialise"),
            ("cuDeviceGetCount", "devices", "count the devices"),
            ("cuDeviceGetAttribute", "devices", "query the device"),
            ("cuDevicePrimaryCtxRetain", "context", "open the device"),
        ] {
            let expected = format!("the CUDA driver failed to {action}: unknown error {code}");
            fails(function).assert_refused(asked, &expected);
        }
        // The library may know the code itself.
        let explained = fails("cuInit").with(
            "cuGetErrorString",
            "(int code, const char **text) { *text = \"on fire\"; return 0; }",
        );
        explained.assert_refused(
            "devices",
            &format!("the CUDA driver failed to initialise: on fire (error {code})"),
        );
    }
    for code in [99, 12_345] {
        let returns = format!("() {{ return {code}; }}");
        for (function, asked, expected) in [
            (
                "nvrtcVersion",
                "architectures",
                "the CUDA compiler failed to report its version: ",
            ),
            (
                "nvrtcGetNumSupportedArchs",
                "architectures",
                "the CUDA compiler failed to list the architectures that it supports: ",
            ),
            (
                "nvrtcGetSupportedArchs",
                "architectures",
                "the CUDA compiler failed to list the architectures that it supports: ",
            ),
            (
                "nvrtcCreateProgram",
                "compile",
                "loss.cu does not compile for sm_90: ",
            ),
            (
                "nvrtcCompileProgram",
                "compile",
                "loss.cu does not compile for sm_90: ",
            ),
        ] {
            compiler()
                .with(function, &returns)
                .assert_refused(asked, &format!("{expected}error {code}"));
        }
        let refused = nccl().with("ncclGetUniqueId", &returns);
        refused.assert_refused(
            "nccl",
            &format!("the devices cannot exchange results: NCCL reports error {code}"),
        );
    }
}

#[test]
fn no_device_or_one_that_is_too_old() {
    let none = "the CUDA driver finds no device";
    driver()
        .with("cuInit", "() { return 100; }")
        .assert_refused("devices", none);
    for count in [0, -5] {
        let counts = format!("(int *count) {{ *count = {count}; return 0; }}");
        driver()
            .with("cuDeviceGetCount", &counts)
            .assert_refused("devices", none);
    }
    let old =
        "(int *value, int which) { *value = which == 75 ? 5 : which == 76 ? 2 : 1; return 0; }";
    let old = driver().with("cuDeviceGetAttribute", old);
    for asked in ["device", "context"] {
        old.assert_refused(
            asked,
            "device 0 has compute capability 5.2, but 6.1 is needed",
        );
    }
}

#[test]
fn architectures_beyond_counting() {
    for count in [-1, 2_000_000_000] {
        let counts = format!("(int *count) {{ *count = {count}; return 0; }}");
        let wrong = compiler().with("nvrtcGetNumSupportedArchs", &counts);
        wrong.assert_refused(
            "architectures",
            &format!("it reports {count} architectures"),
        );
    }
}
