use predicates::prelude::*;

use crate::{scn, train_small, write_array};

/// Checks that a command exits with code 1, prints nothing to standard output, and prints one line
/// to standard error that contains all of `says`.
pub(crate) fn fails(command: &mut assert_cmd::Command, says: &[&str]) {
    let assert = command.assert().code(1).stdout("");
    let error = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(
        error.starts_with("error: ") && error.lines().count() == 1,
        "{error}"
    );
    assert!(error.chars().count() <= 301, "{error}");
    for part in says {
        assert!(error.contains(part), "expected {part:?} in {error}");
    }
}

#[test]
fn usage_errors_print_help() {
    scn()
        .assert()
        .code(2)
        .stderr(predicate::str::contains("Usage"));
    scn()
        .args(["train", "--fast"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--fast"));
    scn()
        .args(["train", "--set", "rate"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("KEY=VALUE"));
    scn()
        .args(["train", "--dataset", "imagenet"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("cifar10"));
    scn().args(["solve", "--lambda1", "1"]).assert().code(2);
    for command in [
        "train",
        "evaluate",
        "predict",
        "inspect",
        "report",
        "init",
        "gradients",
        "solve",
    ] {
        scn()
            .args([command, "--help"])
            .assert()
            .success()
            .stdout(predicate::str::contains("Example"));
    }
}

#[test]
fn wrong_settings_are_named() {
    fails(
        scn().args(["train", "--preset", "cifar"]),
        &["there is no preset cifar", "cifar10-scn1"],
    );
    fails(
        scn().args(["train", "--set", "training.speed=1"]),
        &["training.speed", "unknown field"],
    );
    fails(
        scn().args(["train", "--set", "training.momentum=2"]),
        &["training.momentum must be in [0, 1), but is 2"],
    );
    fails(
        scn().args(["train", "--batch-size", "0"]),
        &["training.batch_size"],
    );
    fails(
        scn().args(["train", "--config", "none.toml"]),
        &["none.toml"],
    );
}

#[test]
fn missing_data_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = scn();
    command
        .args(["train", "--preset", "mnist-scn1", "--out"])
        .arg(folder.path().join("run"))
        .arg("--data")
        .arg(folder.path());
    fails(&mut command, &["train-images-idx3-ubyte"]);
    assert!(!folder.path().join("run").exists());
}

#[test]
fn runs_are_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    fails(
        scn().args(["train", "--resume", "--out"]).arg(&run),
        &["checkpoint.safetensors"],
    );
    train_small(&run, &["--quiet"])
        .assert()
        .success()
        .stdout("")
        .stderr("");
    let model = std::fs::read(run.join("model.safetensors")).unwrap();
    fails(
        &mut train_small(&run, &["--quiet"]),
        &["already holds a run"],
    );
    assert_eq!(std::fs::read(run.join("model.safetensors")).unwrap(), model);
}

#[test]
fn faulty_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("text"), "hello").unwrap();
    fails(
        scn().args(["inspect", "--model"]).arg(path("text")),
        &["text", "expected a safetensors file"],
    );
    scn()
        .args(["init", "--preset", "digits", "--out"])
        .arg(path("M"))
        .assert()
        .success();
    fails(
        scn().args(["evaluate", "--model"]).arg(path("M")),
        &["M", "expected a trained model"],
    );
    fails(
        scn()
            .args(["predict", "--model"])
            .arg(path("M"))
            .arg(path("text")),
        &["expected a trained model"],
    );

    write_array(&path("D.npy"), &[2, 2], &[1.0, 0.0, 0.0, 1.0_f64]);
    write_array(&path("long.npy"), &[3, 1], &[1.0; 3]);
    write_array(&path("nan.npy"), &[2, 2], &[1.0, 2.0, 3.0, f64::NAN]);
    let solve = |signals: &str| {
        let mut command = scn();
        command
            .args(["solve", "--lambda1", "0", "--lambda2", "0", "--dictionary"])
            .arg(path("D.npy"));
        command
            .arg("--signals")
            .arg(path(signals))
            .arg("--out")
            .arg(path("A.npy"));
        command
    };
    fails(
        &mut solve("long.npy"),
        &["long.npy", "expected signals with 2 rows", "found 3"],
    );
    fails(&mut solve("nan.npy"), &["nan.npy", "found NaN at [1, 1]"]);
    fails(&mut solve("text"), &["text", "header of a numpy array"]);
    assert!(!path("A.npy").exists());

    write_array(&path("X.npy"), &[2, 1, 8, 8], &[0.5_f32; 128]);
    write_array(&path("y.npy"), &[2], &[0_i64, 10]);
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
    fails(&mut command, &["y.npy", "must be 0 to 9, but is 10"]);
}
