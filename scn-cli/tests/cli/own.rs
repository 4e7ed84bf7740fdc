//! Training on your own images and arrays, from files to a report, and the choice of the best
//! epoch.

mod layers;
mod wrong;

use std::path::Path;

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::mistakes::fails;
use crate::{json, read_array, scn, write_array};

/// Returns an image of a disc or a cross in `size` x `size` pixels, at a position that depends on
/// `number`.
fn shape(number: u32, disc: bool, size: u32) -> RgbImage {
    let (x0, y0) = (
        size / 3 + number * 7 % (size / 3),
        size / 3 + number * 5 % (size / 3),
    );
    let radius = f64::from(size) / 5.0;
    RgbImage::from_fn(size, size, |x, y| {
        let (dx, dy) = (f64::from(x) - f64::from(x0), f64::from(y) - f64::from(y0));
        let inside = match disc {
            true => dx.hypot(dy) < radius,
            false => dx.abs().min(dy.abs()) < radius / 4.0 && dx.abs().max(dy.abs()) < radius,
        };
        let light = 40 + (number * 13 % 60) as u8;
        Rgb(if inside {
            [230, 120, light]
        } else {
            [light; 3]
        })
    })
}

/// Writes `count` images of each class, of two sizes, to `folder/crosses` and `folder/discs`.
fn write_pictures(folder: &Path, count: u32) {
    for (class, disc) in [("crosses", false), ("discs", true)] {
        let folder = folder.join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..count {
            let size = if number % 2 == 0 { 24 } else { 30 };
            let picture = shape(number, disc, size);
            picture
                .save(folder.join(format!("{number:03}.png")))
                .unwrap();
        }
    }
}

/// Settings of two small layers and three epochs.
const SMALL: [&str; 8] = [
    "--set",
    "network.layers=[{atoms=8},{atoms=12,stride=2}]",
    "--set",
    "pictures.size=[16,16]",
    "--epochs",
    "3",
    "--batch-size",
    "16",
];

fn train(folder: &Path, out: &str, arguments: &[&str]) -> assert_cmd::Command {
    let mut command = scn();
    command
        .current_dir(folder)
        .args(["train", "--out", out])
        .args(arguments);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Value {
    json(scn().current_dir(folder).args(arguments))
}

#[test]
fn a_folder_of_images_is_trained_on_evaluated_predicted_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    write_pictures(&folder.path().join("pictures"), 100);
    let arguments = [
        &["--dataset", "folder:pictures", "--test-share", "0.2"],
        &SMALL[..],
    ]
    .concat();
    let trained = json(&mut train(folder.path(), "run", &arguments));
    let evaluated = run(folder.path(), &["evaluate", "--model", "run"]);
    assert_eq!(evaluated["dataset"], "folder:pictures");
    assert_eq!(evaluated["images"], 40);
    assert_eq!(evaluated["error"], trained["last"]["test_error"]);

    let disc = folder.path().join("disc.png");
    shape(3, true, 50).save(&disc).unwrap();
    let predicted = run(folder.path(), &["predict", "--model", "run", "disc.png"]);
    let names: Vec<&str> = predicted[0]["classes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|class| class["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"discs") && names.contains(&"crosses"),
        "{names:?}"
    );

    std::fs::remove_file(folder.path().join("run/report.md")).unwrap();
    let reported = run(folder.path(), &["report", "run"]);
    assert_eq!(reported["left_out"], Value::Null);
    let report = std::fs::read_to_string(folder.path().join("run/report.md")).unwrap();
    assert!(report.contains("crosses") && report.contains("folder:pictures"));

    // Other images without a split are evaluated as a whole.
    write_pictures(&folder.path().join("others"), 7);
    let others = ["evaluate", "--model", "run", "--dataset", "folder:others"];
    assert_eq!(run(folder.path(), &others)["images"], 14);
    std::fs::rename(
        folder.path().join("others/discs"),
        folder.path().join("others/stars"),
    )
    .unwrap();
    fails(
        scn().current_dir(folder.path()).args(others),
        &[
            "folder:others",
            "the classes of the model, crosses, discs (2), found crosses, stars (2)",
        ],
    );

    // The same images split into train/ and test/, in grey and of one size; the run folder has a
    // default name.
    let halves = folder.path().join("halves");
    for half in ["train", "test"] {
        write_pictures(&halves.join(half), 8);
    }
    let grey = ["--set", "pictures.colours=grey", "--epochs", "1"];
    let arguments = [&["--dataset", "folder:halves"], &SMALL[..4], &grey].concat();
    let mut command = scn();
    let trained = json(
        command
            .current_dir(folder.path())
            .arg("train")
            .args(arguments),
    );
    assert_eq!(trained["run"], "runs/halves-scn1");
    let inspected = run(folder.path(), &["inspect", "--model", "runs/halves-scn1"]);
    assert_eq!(inspected["input"], serde_json::json!([1, 16, 16]));
}

#[test]
fn the_best_epoch_is_chosen_on_validation_images() {
    let folder = tempfile::tempdir().unwrap();
    write_pictures(&folder.path().join("pictures"), 30);
    let source = ["--dataset", "folder:pictures", "--test-share", "0.3"];
    let choice = [
        "--set",
        "training.validation=0.25",
        "--set",
        "training.patience=2",
        "--epochs",
        "30",
    ];
    let arguments = [&source[..], &SMALL[..4], &choice].concat();
    let trained = json(&mut train(folder.path(), "run", &arguments));
    let history = std::fs::read_to_string(folder.path().join("run/metrics.jsonl")).unwrap();
    let history: Vec<Value> = history
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let key = |record: &Value| {
        let number = |name: &str| record[name].as_f64().unwrap();
        (number("validation_error"), number("validation_loss"))
    };
    let best = history
        .iter()
        .min_by(|a, b| key(a).partial_cmp(&key(b)).unwrap())
        .unwrap();
    assert_eq!(trained["best"]["epoch"], best["epoch"]);
    // The run ends two epochs after the best one, or with the last.
    let (best_epoch, epochs) = (best["epoch"].as_u64().unwrap(), history.len() as u64);
    assert_eq!(epochs, (best_epoch + 2).min(30));
    assert_eq!(trained["epochs"], epochs);

    // The run folder is read as the best network, which the report describes.
    let evaluated = run(folder.path(), &["evaluate", "--model", "run"]);
    assert_eq!(evaluated["error"], best["test_error"]);
    let of_best = run(
        folder.path(),
        &["evaluate", "--model", "run/model-best.safetensors"],
    );
    assert_eq!(evaluated["loss"], of_best["loss"]);
    let last = run(
        folder.path(),
        &["evaluate", "--model", "run/model.safetensors"],
    );
    assert_eq!(last["loss"], history[history.len() - 1]["test_loss"]);
    let report = std::fs::read_to_string(folder.path().join("run/report.md")).unwrap();
    assert!(
        report.contains("the test images played no part in the choice"),
        "{report}"
    );
    assert!(report.contains("validation error"), "{report}");

    // Resuming has nothing left to do, and a run without validation removes the best model of
    // another run.
    let resumed = json(&mut train(folder.path(), "run", &["--resume"]));
    assert_eq!(resumed["epochs"], epochs);
    std::fs::create_dir(folder.path().join("again")).unwrap();
    let stale = folder.path().join("again/model-best.safetensors");
    std::fs::copy(folder.path().join("run/model-best.safetensors"), &stale).unwrap();
    let arguments = [&source[..], &SMALL[..4], &["--epochs", "1"]].concat();
    train(folder.path(), "again", &arguments).assert().success();
    assert!(!stale.exists());
}

#[test]
fn a_run_resumes_only_with_its_own_images() {
    let folder = tempfile::tempdir().unwrap();
    write_pictures(&folder.path().join("pictures"), 10);
    let source = ["--dataset", "folder:pictures", "--test-share", "0.3"];
    let arguments = [&source[..], &SMALL].concat();
    train(folder.path(), "run", &arguments).assert().success();
    let longer = ["--resume", "--epochs", "4"];
    let resumed = json(&mut train(folder.path(), "run", &longer));
    assert_eq!(resumed["epochs"], 4);

    let other = RgbImage::from_pixel(24, 24, Rgb([9; 3]));
    other
        .save(folder.path().join("pictures/discs/000.png"))
        .unwrap();
    let refused = train(folder.path(), "run", &["--resume", "--epochs", "5"])
        .assert()
        .code(1);
    let says = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    for part in [
        "checkpoint.safetensors",
        "the images that the run began with",
        "folder:pictures",
    ] {
        assert!(says.contains(part), "{says}");
    }
}

/// Writes images of two classes to arrays, for training and testing: bright at the top, or bright
/// at the bottom.
fn write_arrays<T: npyz::AutoSerialize + Copy>(
    folder: &Path,
    prefix: &str,
    pixel: impl Fn(u8) -> T,
) {
    for (part, count) in [("train", 24_usize), ("test", 10)] {
        let labels: Vec<i64> = (0..count).map(|image| (image % 2) as i64).collect();
        let mut pixels = Vec::new();
        for image in 0..count {
            for at in 0..64 {
                let lit = (at / 32) == image % 2;
                pixels.push(pixel(
                    if lit { 200 } else { 20 } + ((image * 31 + at * 7) % 50) as u8,
                ));
            }
        }
        let name = |what: &str| folder.join(format!("{prefix}-{part}-{what}.npy"));
        write_array(&name("images"), &[count as u64, 1, 8, 8], &pixels);
        write_array(&name("labels"), &[count as u64], &labels);
    }
}

#[test]
fn arrays_of_bytes_and_of_floating_point_numbers_are_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    write_arrays(folder.path(), "bytes", |pixel| pixel);
    write_arrays(folder.path(), "floats", |pixel| {
        f32::from(pixel) / 100.0 - 1.0
    });
    for prefix in ["bytes", "floats"] {
        let source = format!("npy:{prefix}");
        let arguments = [
            &["--dataset", &source],
            &SMALL[..2],
            &["--epochs", "8", "--batch-size", "8"],
        ]
        .concat();
        train(folder.path(), prefix, &arguments).assert().success();
        let evaluated = run(folder.path(), &["evaluate", "--model", prefix]);
        // Any network learns to tell top from bottom.
        assert_eq!(
            (&evaluated["images"], &evaluated["error"]),
            (&10.into(), &0.0.into())
        );

        // Raw pixels are preprocessed as in training: each image gets its class.
        let images = format!("{prefix}-test-images.npy");
        let mut arguments = vec![
            "predict", "--model", prefix, "--images", &images, "--logits", "Z.npy",
        ];
        if prefix == "floats" {
            arguments.push("--raw");
        }
        run(folder.path(), &arguments);
        let (shape, logits) = read_array::<f32>(&folder.path().join("Z.npy"));
        assert_eq!(shape, [10, 2]);
        for (image, logits) in logits.chunks_exact(2).enumerate() {
            assert_eq!(logits[1] > logits[0], image % 2 == 1, "{prefix} {image}");
        }
    }
}
