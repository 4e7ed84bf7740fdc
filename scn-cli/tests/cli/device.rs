//! `scn device` and `--device`. Tests that need a GPU are skipped without one, or fail if
//! `SCN_REQUIRE_CUDA` is set.

use std::path::{Path, PathBuf};

use approx::{abs_diff_eq, assert_abs_diff_eq};
use predicates::prelude::*;

use crate::{json, scn, train_small};

/// Whether there is no usable GPU. Prints the reason.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn no_cuda() -> bool {
    let found = json(scn().arg("device"));
    let devices = found["cuda"].as_array().unwrap();
    let usable = devices
        .first()
        .is_some_and(|device| device["unusable"].is_null());
    if !usable {
        assert!(
            std::env::var_os("SCN_REQUIRE_CUDA").is_none(),
            "SCN_REQUIRE_CUDA is set, but: {found}"
        );
        eprintln!("skipped: {found}");
    }
    !usable
}

/// The CPU is always listed; so is a GPU, or the reason why there is none.
#[test]
fn devices_are_listed() {
    let found = json(scn().arg("device"));
    assert!(found["cpu"]["threads"].as_u64().unwrap() > 0);
    let none = found["cuda"].as_array().unwrap().is_empty();
    assert_eq!(none, found["cuda_missing"].is_string());
    let listed = scn().arg("device").assert().success();
    listed.stdout(predicate::str::contains("cpu").and(predicate::str::contains("cuda")));
}

/// A missing device gives a one-line error, whether the driver, the compiler or the device itself
/// is missing.
#[test]
fn a_missing_device_is_a_one_line_error() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let assert = train_small(&out, &["--device", "cuda:77"])
        .env_remove("LD_LIBRARY_PATH")
        .assert()
        .code(1)
        .stdout("");
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(
        message.starts_with("error: ") && message.lines().count() == 1,
        "{message}"
    );
    assert!(!out.exists());
}

/// Compiling fills a folder with files named as in the cache, and reports what it wrote. Files that
/// are already cached, as in the tests with a stand-in driver, are not compiled again.
#[test]
fn kernels_are_compiled_for_a_machine_without_a_compiler() {
    let own = tempfile::tempdir().unwrap();
    let folder = match std::env::var_os("SCN_CUDA_CACHE") {
        Some(cache) if !cache.is_empty() => PathBuf::from(cache),
        _ => own.path().join("kernels"),
    };
    let arguments = ["--json", "device", "--compile", "sm_90"];
    let output = scn().args(arguments).arg(&folder).output().unwrap();
    if !output.status.success() {
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(message.lines().count(), 1, "{message}");
        let is_missing = message.starts_with("error: there is no CUDA compiler")
            || message.contains("built without CUDA");
        let is_required = std::env::var_os("SCN_REQUIRE_CUDA").is_some();
        assert!(is_missing && !is_required, "{message}");
        return eprintln!("skipped: {message}");
    }
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(Path::new(said["folder"].as_str().unwrap()), folder);
    let compiler = said["compiler"].as_str().unwrap();
    let ending = format!(".nvrtc-{compiler}");
    let entries = std::fs::read_dir(&folder).unwrap().flatten();
    let names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.contains(".sm_90.") && name.ends_with(&ending))
        .collect();
    assert!(names.len() as u64 >= said["files"].as_u64().unwrap());
    for start in ["loss.", "encode-n16.", "encode-n256.", "update."] {
        assert!(names.iter().any(|name| name.starts_with(start)), "{start}");
    }
    assert!(said["bytes"].as_u64().unwrap() > 100_000);

    let again = scn()
        .args(["device", "--compile", "sm_90"])
        .arg(&folder)
        .assert();
    let files = format!("{} files, ", said["files"]);
    again.success().stdout(predicate::str::starts_with(files));
    // No compiler supports an architecture that does not exist.
    let unknown = scn()
        .args(["device", "--compile", "sm_999"])
        .arg(&folder)
        .assert();
    let message = predicate::str::contains("does not support sm_999, only");
    unknown.code(1).stderr(message);
}

/// Recording steps as graphs does not change the files. The log of the stand-in driver shows
/// whether steps were recorded.
#[test]
fn recorded_steps_are_bit_identical() {
    if no_cuda() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let train = |graphs: &str| {
        let out = folder.path().join(format!("run-{graphs}"));
        let log = folder.path().join(format!("log-{graphs}"));
        train_small(&out, &["--device", "cuda"])
            .env("SCN_CUDA_GRAPH", graphs)
            .env("SCN_HOST_LOG", &log)
            .assert()
            .success();
        let lines = std::fs::read_to_string(log).ok();
        let graphs = lines.map(|lines| {
            lines
                .lines()
                .filter(|line| line.starts_with("graph\t"))
                .count()
        });
        (
            std::fs::read(out.join("model.safetensors")).unwrap(),
            graphs,
        )
    };
    let ((with, some), (without, none)) = (train("1"), train("0"));
    assert!(with == without);
    // A real device has no log.
    assert!(some.is_none_or(|some| some > 0) && none.is_none_or(|none| none == 0));
}

#[cfg(feature = "cuda")]
#[test]
fn invalid_compile_targets_are_usage_errors() {
    for (arguments, complaint) in [
        (
            &["--compile", "sm_52", "kernels"][..],
            "not an architecture",
        ),
        (&["--compile", "sm_90,", "kernels"], "not an architecture"),
        (&["--compile", "sm_90"], "FOLDER"),
        (&["kernels"], "--compile"),
        (&["--line-info"], "--compile"),
    ] {
        let assert = scn().arg("device").args(arguments).assert().code(2);
        assert.stderr(predicate::str::contains(complaint));
    }
}

#[test]
fn invalid_device_names_are_usage_errors() {
    for name in ["gpu", "cuda:", "cuda:0,", "cpu:1"] {
        let assert = scn().args(["device", "--device", name]).assert().code(2);
        assert.stderr(predicate::str::contains("cuda"));
    }
}

/// Commands that only run on the CPU say so.
#[test]
fn some_commands_only_run_on_the_cpu() {
    for what in ["solve", "adjoint"] {
        let assert = scn().args(["bench", what, "--device", "cuda"]).assert();
        assert.code(1).stderr(format!(
            "error: scn bench {what} runs on the CPU only, not on cuda\n"
        ));
    }
}

/// A run that starts on the GPU resumes on either device. Both devices evaluate it, and predict the
/// same class for an image.
#[test]
fn a_run_moves_between_devices() {
    if no_cuda() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let begun = path("run");
    let trained = train_small(&begun, &["--device", "cuda"])
        .assert()
        .success();
    trained.stdout(predicate::str::contains("test error"));
    for device in ["cuda", "cpu", "cuda"] {
        let metrics = std::fs::read_to_string(begun.join("metrics.jsonl")).unwrap();
        let epochs = (metrics.lines().count() + 1).to_string();
        let arguments = [
            "train", "--resume", "--device", device, "--epochs", &epochs, "--out",
        ];
        scn().args(arguments).arg(&begun).assert().success();
    }
    let model = begun.join("model.safetensors");
    let evaluations = ["cpu", "cuda"].map(|device| {
        let arguments = [
            "evaluate",
            "--test-limit",
            "40",
            "--device",
            device,
            "--model",
        ];
        json(scn().args(arguments).arg(&model))
    });
    let [here, there] = evaluations.map(|evaluation| evaluation["loss"].as_f64().unwrap());
    // Codes are solved to 1e-4 on both.
    assert_abs_diff_eq!(here, there, epsilon = 1e-2 * here);
    let picture = path("picture.png");
    image::GrayImage::from_fn(8, 8, |x, _| image::Luma([if x == 4 { 255 } else { 0 }]))
        .save(&picture)
        .unwrap();
    let [here, there] = ["cpu", "cuda"].map(|device| {
        let arguments = ["predict", "--device", device, "--model"];
        json(scn().args(arguments).arg(&model).arg(&picture))[0]["classes"][0]["class"].clone()
    });
    assert_eq!(here, there);
}

/// Every kernel of a step reports its launches and its time, and every layer its passes.
#[test]
fn bench_reports_the_time_per_kernel() {
    if no_cuda() {
        return;
    }
    let (steps, batch, layers) = (2, 4, 5);
    for (what, training) in [("train", true), ("infer", false)] {
        let report = json(scn().args([
            "bench",
            what,
            "--device",
            "cuda",
            "--preset",
            "digits",
            "--batch-size",
            &batch.to_string(),
            "--steps",
            &steps.to_string(),
            "--warm-up",
            "1",
        ]));
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        assert_eq!(report["what"], what);
        assert_eq!(report["steps"], steps);
        let step = number(&report["seconds_per_step"]);
        let rate = number(&report["images_per_second"]);
        assert_abs_diff_eq!(rate * step / f64::from(batch), 1.0, epsilon = 1e-9);
        assert!(number(&report["share_of_peak"]) > 0.0);
        assert!(number(&report["peak_bytes_per_second"]) > 0.0);
        assert!(number(&report["device_memory_bytes"]) > 0.0);

        let kernels = report["kernels"].as_array().unwrap();
        let kernel = |name: &str| kernels.iter().find(|kernel| kernel["kernel"] == name);
        // Each layer encodes its windows in a single launch, however many there are.
        let encode = kernel("encode_gauss_seidel").unwrap();
        assert_eq!(number(&encode["launches"]), f64::from(layers));
        assert!(number(&encode["operations_per_second"]) > 0.0);
        for name in ["adjoint", "signal_gradient"] {
            assert_eq!(kernel(name).is_some(), training, "{name}");
        }
        let stand_in = report["device"].as_str().unwrap().starts_with("Stand-in");
        for kernel in kernels {
            let (launches, seconds) = (number(&kernel["launches"]), number(&kernel["seconds"]));
            assert!(launches > 0.0 && seconds > 0.0, "{kernel}");
            // On the stand-in driver each operation takes a microsecond, and no other operation
            // lies between the events of a launch. Times are read as f32.
            let expected = 1e-6 * launches;
            assert!(
                !stand_in || abs_diff_eq!(seconds / expected, 1.0, epsilon = 1e-3),
                "{kernel}"
            );
        }
        let inside: f64 = kernels
            .iter()
            .map(|kernel| number(&kernel["seconds"]))
            .sum();
        let outside = number(&report["outside_kernels_seconds"]);
        assert_abs_diff_eq!(outside, (step - inside).max(0.0), epsilon = 1e-12);

        let of_layers = report["layers"].as_array().unwrap();
        assert_eq!(of_layers.len(), layers as usize);
        for layer in of_layers {
            assert!(number(&layer["passes"]) >= 1.0);
            assert!(number(&layer["forward_seconds"]) > 0.0);
            assert_eq!(layer["adjoint_passes"].is_null(), !training);
        }
        assert_eq!(of_layers[0]["windows"], batch * 64);
    }
    let table = scn()
        .args(["bench", "train", "--device", "cuda", "--preset", "digits"])
        .args(["--batch-size", "4", "--steps", "1", "--warm-up", "0"])
        .assert()
        .success();
    let table = String::from_utf8(table.get_output().stdout.clone()).unwrap();
    assert!(table.contains("encode_gauss_seidel"), "{table}");
    assert!(
        table.lines().all(|line| line.chars().count() <= 80),
        "{table}"
    );
}
