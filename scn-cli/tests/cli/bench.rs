use approx::{abs_diff_eq, assert_abs_diff_eq};
use predicates::prelude::*;

use crate::{json, scn};

fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap()
}

/// The phases add up to the step, and every sparse coding layer reports its passes.
#[test]
fn bench_reports_the_time_per_phase_and_layer() {
    for (what, adjoint) in [("train", true), ("infer", false)] {
        let report = json(scn().args([
            "bench",
            what,
            "--preset",
            "digits",
            "--steps",
            "2",
            "--warm-up",
            "1",
        ]));
        assert_eq!(report["what"], what);
        assert_eq!(report["batch_size"], 32);
        assert_eq!(report["random_pictures"], false);
        let step = number(&report["seconds_per_step"]);
        let rate = number(&report["images_per_second"]);
        assert_abs_diff_eq!(rate * step / 32.0, 1.0, epsilon = 1e-9);
        assert!(number(&report["share_of_peak"]) > 0.0);
        let phases = report["phases"].as_array().unwrap();
        let sum: f64 = phases.iter().map(|phase| number(&phase["seconds"])).sum();
        // The clock is read once between two phases, so the sum is exact up to rounding.
        assert!(
            abs_diff_eq!(sum / step, 1.0, epsilon = 1e-9),
            "{sum} of {step}"
        );
        let names: Vec<&str> = phases.iter().filter_map(|p| p["phase"].as_str()).collect();
        assert!(names.contains(&"solve"));
        assert_eq!(names.contains(&"adjoint: solve"), adjoint);
        let layers = report["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 5);
        for layer in layers {
            assert!(number(&layer["passes"]) >= 1.0);
            assert_eq!(layer["adjoint_passes"].is_null(), !adjoint);
        }
        assert_eq!(layers[0]["windows"], 32 * 64);
    }
}

/// Without a data set, bench uses random images and says so.
#[test]
fn bench_needs_no_data() {
    let empty = tempfile::tempdir().unwrap();
    let mut command = scn();
    command
        .args([
            "bench",
            "infer",
            "--preset",
            "mnist-scn1",
            "--batch-size",
            "2",
        ])
        .args(["--steps", "1", "--warm-up", "1", "--data"])
        .arg(empty.path());
    command
        .assert()
        .success()
        .stdout(predicate::str::contains("mnist-scn1, batches of 2:"))
        .stderr(predicate::str::contains("images are random"));
}

#[test]
fn a_model_of_a_different_network_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("m.safetensors");
    let mut init = scn();
    init.args(["init", "--preset", "digits", "--out"])
        .arg(&model);
    init.assert().success();
    let mut bench = scn();
    bench
        .args(["bench", "train", "--preset", "mnist-scn1", "--model"])
        .arg(&model);
    bench.assert().failure().stderr(predicate::str::contains(
        "expected the network of preset mnist-scn1",
    ));
}

/// Learned dictionaries need the images of a run, so `--model` is required and nothing is timed.
#[test]
fn bench_needs_a_model_for_learned_dictionaries() {
    for part in ["train", "infer"] {
        scn()
            .args(["bench", part, "--preset", "digits"])
            .args(["--set", "network.dictionary=learned"])
            .assert()
            .failure()
            .stdout("")
            .stderr(predicate::str::contains(
                "expected --model with a model of a run",
            ))
            .stderr(predicate::function(|text: &str| text.lines().count() == 1));
    }
}
