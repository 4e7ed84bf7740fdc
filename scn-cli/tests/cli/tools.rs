//! Settings that help gradient descent, from the command line.

use std::fs;

use approx::assert_relative_eq;
use scn_net::EpochRecord;
use serde_json::Value;

use crate::tensorboard::{count, events};
use crate::{scn, train_small};

/// The averaged network is printed, logged to TensorBoard, saved, and evaluated like any other.
#[test]
fn averaged_weights_are_shown_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let set = [
        "--set",
        "training.average_decay=0.5",
        "--set",
        "training.mixup=0.2",
        "--set",
        "training.label_smoothing=0.1",
        "--set",
        "training.clip_norm=1.0",
    ];
    let output = train_small(&run, &set).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let records: Vec<EpochRecord> = metrics
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = records.last().unwrap().averaged.as_ref().unwrap();
    let percent = format!("{:.2} %", 100.0 * last.test_error);
    let printed = String::from_utf8(output.stdout).unwrap();
    let model = run.join("model-averaged.safetensors");
    let line = format!(
        "averaged weights: test error {percent}, {}",
        model.display()
    );
    assert!(printed.lines().any(|its| its == line), "{printed}");
    let rows = String::from_utf8(output.stderr).unwrap() + &printed;
    let row = rows.lines().rfind(|line| line.contains(&percent));
    assert!(rows.contains("averaged") && row.is_some(), "{rows}");
    let told = &events(&run)[0];
    assert_eq!(count(told, "error/test_averaged"), records.len());

    let page = fs::read_to_string(run.join("report.md")).unwrap();
    let row = format!("| test error, averaged weights | {percent} |");
    assert!(page.lines().any(|line| line == row), "{page}");
    assert!(
        page.contains("test with averaged weights, dashed"),
        "{page}"
    );

    let evaluated = scn()
        .args(["evaluate", "--test-limit", "40", "--json", "--model"])
        .arg(&model)
        .output()
        .unwrap();
    let evaluated: Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    assert_eq!(evaluated["error"], last.test_error);
    // The batch size differs here, so codes agree only within the tolerance.
    let loss = evaluated["loss"].as_f64().unwrap();
    assert_relative_eq!(loss, last.test_loss, max_relative = 1e-4);
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, says) in [
        (
            "clip_norm=0",
            "training.clip_norm must be positive, but is 0",
        ),
        (
            "label_smoothing=1",
            "training.label_smoothing must be in [0, 1), but is 1",
        ),
        ("mixup=0", "training.mixup must be in (0, 1000], but is 0"),
        (
            "average_decay=1",
            "training.average_decay must be between 0 and 1, but is 1",
        ),
    ] {
        let run = folder.path().join("run");
        let set = format!("training.{setting}");
        let refused = train_small(&run, &["--set", &set]).output().unwrap();
        let line = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && line.contains(says), "{line}");
        assert!(!run.exists());
    }
}
