use std::path::Path;

use predicates::prelude::*;
use safetensors::SafeTensors;

use crate::mistakes::fails;
use crate::{forget_checksum, json, scn, train_small};

/// Returns `scn evaluate` on 40 digits in batches of 32.
fn evaluate(model: &Path, arguments: &[&str]) -> assert_cmd::Command {
    let mut command = scn();
    command.args(["evaluate", "--test-limit", "40", "--batch-size", "32"]);
    command.arg("--model").arg(model).args(arguments);
    command
}

/// Returns the bytes of a model file equal to `model` except that every lambda1 is multiplied by
/// `factor`.
fn with_scaled_lambda1(model: &Path, factor: f32) -> Vec<u8> {
    let mut bytes = std::fs::read(model).unwrap();
    let mut places = Vec::new();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, tensor) in tensors.tensors() {
        if name.ends_with(".lambda1") {
            let start = tensor.data().as_ptr() as usize - bytes.as_ptr() as usize;
            places.push(start..start + tensor.data().len());
        }
    }
    assert_eq!(places.len(), 2);
    for number in places.into_iter().flat_map(|place| place.step_by(4)) {
        let number = &mut bytes[number..][..4];
        let value = f32::from_le_bytes([number[0], number[1], number[2], number[3]]);
        assert!(value > 0.0, "{value}");
        number.copy_from_slice(&(factor * value).to_le_bytes());
    }
    forget_checksum(&mut bytes);
    bytes
}

/// The output names the scale, the results equal those of a model file with that lambda1, and no
/// file changes.
#[test]
fn lambda1_is_scaled_for_one_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let initial = ["--set", "network.lambda1.initial=0.125"];
    train_small(&run, &initial).assert().success();
    let model = run.join("model.safetensors");
    let saved = std::fs::read(&model).unwrap();
    let plain = json(&mut evaluate(&model, &[]));
    assert_eq!(plain["lambda1_scale"], 1.0);

    let scaled = json(&mut evaluate(&model, &["--lambda1-scale", "3"]));
    assert_eq!(scaled["lambda1_scale"], 3.0);
    assert_ne!(scaled["loss"], plain["loss"]);
    assert_eq!(std::fs::read(&model).unwrap(), saved);
    let other = folder.path().join("scaled.safetensors");
    std::fs::write(&other, with_scaled_lambda1(&model, 3.0)).unwrap();
    let expected = json(&mut evaluate(&other, &[]));
    for key in ["loss", "error", "confusion", "active", "kkt"] {
        assert_eq!(scaled[key], expected[key], "{key}");
    }
    let none = json(&mut evaluate(&model, &["--lambda1-scale", "1e9"]));
    assert_eq!(none["active"][0], 0.0);
    evaluate(&model, &["--lambda1-scale", "0"])
        .assert()
        .success()
        .stdout(predicate::str::contains("lambda1 of all layers times 0\n"));
    evaluate(&model, &["--lambda1-scale", "1"])
        .assert()
        .success()
        .stdout(predicate::str::contains("digits, 40 test images\n"));

    for (factor, found) in [("-1", "-1"), ("nan", "NaN"), ("inf", "inf")] {
        fails(
            &mut evaluate(&model, &["--lambda1-scale", factor]),
            &["the factor on lambda1 must be finite and at least 0", found],
        );
    }
    fails(
        &mut evaluate(&model, &["--lambda1-scale", "1e300"]),
        &["layer0: lambda1 of 0.", "is too large"],
    );
    evaluate(&model, &["--lambda1-scale", "much"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--lambda1-scale"));
}

/// Text and JSON distinguish results with mirror images from plain ones.
#[test]
fn an_evaluation_with_mirror_images_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_small(&run, &[]).assert().success();
    let model = run.join("model.safetensors");
    let words = "mean logits of each image and its mirror image";
    evaluate(&model, &[])
        .assert()
        .success()
        .stdout(predicate::str::contains(words).not());
    let options = [
        "--average-mirrored",
        "--lambda1-scale",
        "2",
        "--noise",
        "0.1",
    ];
    evaluate(&model, &options)
        .assert()
        .success()
        .stdout(predicate::str::starts_with(format!(
            "digits, 40 test images with noise of standard deviation 0.1, lambda1 of all layers times 2, {words}\ntest error "
        )));

    let plain = json(&mut evaluate(&model, &[]));
    let averaged = json(&mut evaluate(&model, &["--average-mirrored"]));
    assert_eq!(plain["average_mirrored"], false);
    assert_eq!(averaged["average_mirrored"], true);
    assert_eq!(averaged["images"], 40);
    assert_ne!(averaged["loss"], plain["loss"]);
    let confusion: Vec<Vec<u64>> = serde_json::from_value(averaged["confusion"].clone()).unwrap();
    assert_eq!(confusion.iter().flatten().sum::<u64>(), 40);
}
