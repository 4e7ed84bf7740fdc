use std::path::Path;

use approx::assert_abs_diff_eq;
use predicates::prelude::*;
use safetensors::SafeTensors;
use scn_net::{Model, Shape, Tensor};

use crate::{forget_checksum, json, read_array, scn, train_small, write_array};

/// Trains a network, then uses it in every way, and compares each result with that of the library.
#[test]
fn a_network_is_trained_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let run = path("run");
    train_small(&run, &[])
        .assert()
        .success()
        .stdout(predicate::str::contains("test error").and(predicate::str::contains("training")));
    for file in [
        "config.toml",
        "metrics.jsonl",
        "checkpoint.safetensors",
        "model.safetensors",
        "report.html",
        "learning-curve.svg",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = metrics
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("after 2 of 2 epochs"));

    // Evaluation reproduces the last line of the metrics, and its confusion matrix adds up.
    let model = run.join("model.safetensors");
    let evaluated = |arguments: &[&str]| {
        let mut command = scn();
        command.args([
            "evaluate",
            "--test-limit",
            "40",
            "--batch-size",
            "32",
            "--model",
        ]);
        json(command.arg(&model).args(arguments))
    };
    let evaluation = evaluated(&[]);
    assert_eq!(evaluation["error"], lines[1]["test_error"]);
    assert_eq!(evaluation["loss"], lines[1]["test_loss"]);
    let confusion: Vec<Vec<u64>> = serde_json::from_value(evaluation["confusion"].clone()).unwrap();
    assert_eq!(confusion.iter().flatten().sum::<u64>(), 40);
    let right: u64 = (0..10).map(|class| confusion[class][class]).sum();
    let error = evaluation["error"].as_f64().unwrap();
    assert_abs_diff_eq!(error, 1.0 - right as f64 / 40.0, epsilon = 1e-12);

    // Noise depends on its seed, and noise of 0 changes nothing.
    assert_eq!(evaluated(&["--noise", "0"])["loss"], evaluation["loss"]);
    let once = evaluated(&["--noise", "0.3", "--seed", "1"]);
    assert_ne!(once["loss"], evaluation["loss"]);
    assert_eq!(
        once["loss"],
        evaluated(&["--noise", "0.3", "--seed", "1"])["loss"]
    );
    assert_ne!(
        once["loss"],
        evaluated(&["--noise", "0.3", "--seed", "2"])["loss"]
    );

    // An image file of a test digit gets the same class as its array.
    let loaded = Model::load(&model).unwrap();
    let digits = scn_data::open(scn_data::DatasetName::Digits, folder.path()).unwrap();
    let picture = image::GrayImage::from_fn(8, 8, |x, y| {
        image::Luma([
            (u32::from(digits.test.image(3).bytes().unwrap()[(y * 8 + x) as usize]) * 255 / 16)
                as u8,
        ])
    });
    picture.save(path("digit.png")).unwrap();
    let mut pixels = vec![0.0; 64];
    loaded
        .input
        .normalization
        .as_ref()
        .unwrap()
        .apply(digits.test.image(3), &mut pixels)
        .unwrap();
    write_array(&path("X.npy"), &[1, 1, 8, 8], &pixels);
    scn()
        .args(["predict", "--model"])
        .arg(&model)
        .arg("--images")
        .arg(path("X.npy"))
        .arg("--logits")
        .arg(path("Z.npy"))
        .assert()
        .success();
    let (shape, logits) = read_array::<f32>(&path("Z.npy"));
    assert_eq!(shape, [1, 10]);
    let shape = Shape {
        channels: 1,
        images: 1,
        height: 8,
        width: 8,
    };
    let (expected, _) = loaded
        .network
        .infer(Tensor::from_images(&pixels, shape).unwrap())
        .unwrap();
    assert_eq!(logits, expected.data());
    let best = (0..10)
        .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
        .unwrap();
    let predictions = json(
        scn()
            .args(["predict", "--top", "10", "--model"])
            .arg(&model)
            .arg(path("digit.png")),
    );
    assert_eq!(predictions[0]["classes"][0]["class"], best);
    let sum: f64 = predictions[0]["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class["probability"].as_f64().unwrap())
        .sum();
    assert_abs_diff_eq!(sum, 1.0, epsilon = 1e-9);

    let inspection = json(
        scn()
            .args(["inspect", "--model"])
            .arg(&model)
            .arg("--atoms")
            .arg(path("atoms.png")),
    );
    assert_eq!(inspection["layers"][1]["atoms"], 12);
    assert_eq!(inspection["parameters"], 9 * 8 + 1 + 72 * 12 + 1 + 120 + 10);
    assert!(inspection["layers"][0]["active"].as_f64().unwrap() > 0.0);
    assert!(image::open(path("atoms.png")).is_ok());
    scn()
        .args(["inspect", "--model"])
        .arg(&model)
        .assert()
        .success()
        .stdout(predicate::str::contains("9 x 8"));
}

#[test]
fn an_untrained_model_and_its_gradients() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    scn()
        .args(["init", "--preset", "digits", "--seed", "3", "--out"])
        .arg(path("M"))
        .assert()
        .success();
    let pixels: Vec<f32> = (0..4 * 64)
        .map(|k| (k * k % 23) as f32 / 23.0 - 0.5)
        .collect();
    write_array(&path("X.npy"), &[4, 1, 8, 8], &pixels);
    write_array(&path("y.npy"), &[4], &[0_i64, 3, 9, 3]);
    let mut command = scn();
    command
        .args(["gradients", "--model"])
        .arg(path("M"))
        .arg("--images")
        .arg(path("X.npy"));
    command
        .arg("--labels")
        .arg(path("y.npy"))
        .arg("--out")
        .arg(path("G"));
    let report = json(&mut command);

    let mut network = Model::load(&path("M")).unwrap().network;
    let mut solver = network.config().solver;
    (
        solver.tolerance,
        solver.adjoint_tolerance,
        solver.max_passes,
    ) = (1e-6, 1e-6, 2000);
    network.set_solver(solver).unwrap();
    let shape = Shape {
        channels: 1,
        images: 4,
        height: 8,
        width: 8,
    };
    let expected = network
        .loss_and_gradients(Tensor::from_images(&pixels, shape).unwrap(), &[0, 3, 9, 3])
        .unwrap();
    assert_eq!(report["loss"], expected.loss);

    let bytes = std::fs::read(path("G")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| -> Vec<f32> {
        file.tensor(name)
            .unwrap()
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&four| f32::from_le_bytes(four))
            .collect()
    };
    assert_eq!(numbers("loss"), [expected.loss as f32]);
    let mut count = 1;
    for (name, param) in network
        .params()
        .unwrap()
        .filter(|(_, param)| !param.grad.is_empty())
    {
        assert_eq!(numbers(&name), param.grad, "{name}");
        count += 1;
    }
    assert_eq!(file.len(), count);
}

/// Ctrl-C and TERM end a run with a checkpoint and their own exit codes. The resumed run is
/// bit-identical to an undisturbed one.
#[cfg(unix)]
#[test]
fn an_interrupted_run_resumes_bit_identically() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let train = |out: &std::path::Path| {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("scn"));
        command.args([
            "train",
            "--epochs",
            "6",
            "--quiet",
            "--set",
            "network.layers=[{atoms=16},{atoms=32}]",
            "--out",
        ]);
        command.arg(out);
        command
    };
    assert!(train(&whole).status().unwrap().success());

    let lines = |out: &std::path::Path| {
        std::fs::read_to_string(out.join("metrics.jsonl"))
            .unwrap()
            .lines()
            .count()
    };
    let model = |out: &std::path::Path| std::fs::read(out.join("model.safetensors")).unwrap();
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let stopped = folder.path().join(signal);
        let mut child = train(&stopped).spawn().unwrap();
        // Interrupt at some time after the first epoch.
        while !stopped.join("model.safetensors").exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let interrupted = std::process::Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        let ended = child.wait().unwrap();
        assert!(interrupted.success());
        // 0 would mean that the run ended before the signal.
        assert_eq!(ended.code(), Some(code));
        assert!(lines(&stopped) < 6);
        scn()
            .args(["train", "--resume", "--out"])
            .arg(&stopped)
            .assert()
            .success();
        assert_eq!(lines(&stopped), 6);
        assert!(model(&stopped) == model(&whole));
    }
}

/// The diverged state is not saved as a checkpoint.
#[test]
fn a_diverging_run_has_its_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let rate = [
        "--set",
        "training.learning_rate=1e30",
        "--set",
        "training.warm_up_steps=0",
    ];
    let mut command = train_small(&out, &["--set", "training.batch_size=96"]);
    command
        .args(rate)
        .assert()
        .code(4)
        .stderr(predicate::str::contains("diverged in epoch 1, step 1"));
    assert!(!out.join("checkpoint.safetensors").exists());
}

/// Overwrites the first number of a tensor in a file.
fn overwrite_first(file: &Path, tensor: &str, value: f32) {
    let mut bytes = std::fs::read(file).unwrap();
    let (header, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let start = 8 + header + metadata.info(tensor).unwrap().data_offsets.0;
    bytes[start..start + 4].copy_from_slice(&value.to_le_bytes());
    forget_checksum(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

/// Training divides by the moments of a batch, testing by the running ones. These are huge here, so
/// only losses in training stay finite.
#[test]
fn an_overflow_in_a_test_keeps_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    train_small(&out, &["--set", "network.batch_norm.moments=running"])
        .assert()
        .success();
    let checkpoint = out.join("checkpoint.safetensors");
    overwrite_first(&checkpoint, "norm1.mean", 3e38);
    let kept = ["checkpoint.safetensors", "metrics.jsonl"].map(|name| out.join(name));
    let before = kept.each_ref().map(|path| std::fs::read(path).unwrap());

    scn()
        .args(["train", "--resume", "--epochs", "3", "--out"])
        .arg(&out)
        .assert()
        .code(4)
        .stderr(predicate::str::contains(
            "training diverged in epoch 3, step 3: an activation (image 0: the logits are not finite, or too large for f32) is not finite; \
             the last checkpoint is intact",
        ));
    let after = kept.each_ref().map(|path| std::fs::read(path).unwrap());
    assert!(before == after);
}

/// A folder in place of the report makes writing it fail.
#[test]
fn a_failed_report_does_not_hide_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    std::fs::create_dir_all(out.join("report.html")).unwrap();
    train_small(&out, &[])
        .assert()
        .success()
        .stdout(predicate::str::contains("test error"))
        .stderr(predicate::str::contains("warning").and(predicate::str::contains("report.html")));
    assert!(out.join("model.safetensors").is_file());
}
