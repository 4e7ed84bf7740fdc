//! Training on your own pictures and arrays: from files to a report, what is chosen on what, and an
//! answer in one line to whatever is wrong with them.

use std::path::Path;

use approx::assert_abs_diff_eq;
use image::{Rgb, RgbImage};
use scn_net::{Model, Tensor};
use serde_json::Value;

use crate::mistakes::fails;
use crate::{json, read_array, scn, write_array};

/// A disc or a cross of `size` x `size` pixels, elsewhere for each number.
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

/// `count` pictures of each class in the folders `folder/crosses` and `folder/discs`, of two sizes.
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

/// Two small layers, three epochs.
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
fn a_folder_of_pictures_is_trained_evaluated_predicted_and_reported() {
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

    // Other pictures, which are not parted, are looked at as a whole.
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

    // The same pictures in train/ and test/, grey and of one size, in the run's own folder name.
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
fn the_best_epoch_is_chosen_on_images_that_are_not_trained_on() {
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
    // It ends two epochs after the best, or with the last.
    let (best_epoch, epochs) = (best["epoch"].as_u64().unwrap(), history.len() as u64);
    assert_eq!(epochs, (best_epoch + 2).min(30));
    assert_eq!(trained["epochs"], epochs);

    // The run folder stands for the best network, of which the report speaks.
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
        report.contains("nothing was chosen on the test images"),
        "{report}"
    );
    assert!(report.contains("validation error"), "{report}");

    // Nothing is left to do, and a run without a choice leaves no best of another.
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
fn a_run_goes_on_with_the_images_it_began_with_and_no_others() {
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

/// Test images of two classes in arrays: bright above, or bright below.
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
        // What is bright above or below is learned by any network.
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

#[test]
fn codes_of_a_layer_are_features_for_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    write_arrays(folder.path(), "a", |pixel| pixel);
    let arguments = [&["--dataset", "npy:a"], &SMALL[..2], &["--epochs", "1"]].concat();
    train(folder.path(), "run", &arguments).assert().success();
    let encode = ["encode", "--model", "run", "--layer", "1", "--out", "F.npy"];
    let of_set = run(
        folder.path(),
        &[&encode[..], &["--labels", "y.npy"]].concat(),
    );
    assert_eq!(of_set["shape"], serde_json::json!([10, 12, 4, 4]));
    let (_, whole) = read_array::<f32>(&folder.path().join("F.npy"));
    let (_, labels) = read_array::<u16>(&folder.path().join("y.npy"));
    assert_eq!(labels, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);

    // They are those of the library.
    let model = Model::load(&folder.path().join("run/model.safetensors")).unwrap();
    let data = scn_data::open_source(
        &format!("npy:{}", folder.path().join("a").display())
            .parse()
            .unwrap(),
        Path::new(""),
        &Default::default(),
    );
    let normalization = model.input.normalization.clone().unwrap().into();
    let loader = scn_data::Loader::in_order(data.unwrap().test.into(), normalization, 10).unwrap();
    let images = Tensor::from_batch(&loader.epoch(0, 0).next().unwrap()).unwrap();
    let codes = model.network.codes(images, 1).unwrap();
    for (image, found) in whole.chunks_exact(12 * 16).enumerate() {
        for (atom, found) in found.chunks_exact(16).enumerate() {
            assert_eq!(found, &codes.channel(atom)[image * 16..][..16]);
        }
    }
    let active = whole.iter().filter(|&&code| code != 0.0).count() as f64 / whole.len() as f64;
    assert_abs_diff_eq!(of_set["active"].as_f64().unwrap(), active, epsilon = 1e-12);

    // Means over the map; the same from the array itself; a part of the training images.
    let images = ["--images", "a-test-images.npy", "--pooled"];
    run(folder.path(), &[&encode[..], &images].concat());
    let (shape, pooled) = read_array::<f32>(&folder.path().join("F.npy"));
    assert_eq!(shape, [10, 12]);
    for (mean, codes) in pooled.iter().zip(whole.chunks_exact(16)) {
        // Sixteen numbers in f64, rounded once.
        let exact = codes.iter().map(|&code| f64::from(code)).sum::<f64>() / 16.0;
        assert_abs_diff_eq!(
            f64::from(*mean),
            exact,
            epsilon = exact * f64::from(f32::EPSILON)
        );
    }
    let part = run(
        folder.path(),
        &[&encode[..], &["--part", "train", "--limit", "5"]].concat(),
    );
    assert_eq!(part["shape"][0], 5);
    fails(
        scn()
            .current_dir(folder.path())
            .args(["encode", "--model", "run", "--out", "G", "--layer", "2"]),
        &["--layer 2", "one of the 2 sparse coding layers"],
    );
}

#[test]
fn atoms_of_deep_layers_are_shown_by_what_excites_them() {
    let folder = tempfile::tempdir().unwrap();
    write_pictures(&folder.path().join("p"), 10);
    let source = ["--dataset", "folder:p", "--test-share", "0.5"];
    train(folder.path(), "run", &[&source[..], &SMALL].concat())
        .assert()
        .success();
    let arguments = [
        "inspect", "--model", "run", "--layer", "1", "--atoms", "a.svg", "--usage",
    ];
    let inspected = run(folder.path(), &arguments);
    let shares = inspected["usage"]["shares"].as_array().unwrap();
    assert_eq!((shares.len(), shares[0].as_array().unwrap().len()), (2, 12));
    let svg = std::fs::read_to_string(folder.path().join("a.svg")).unwrap();
    let page = roxmltree::Document::parse(&svg).unwrap();
    let texts = page.descendants().filter(|node| node.has_tag_name("text"));
    let captions: Vec<&str> = texts.filter_map(|node| node.text()).collect();
    // Six parts at most for each of twelve atoms, of ten test images of two classes.
    assert!(captions.len() >= 12 && captions.len() <= 72, "{captions:?}");
    assert!(captions.iter().all(|caption| {
        [": discs", ": crosses", ": unused"]
            .iter()
            .any(|end| caption.ends_with(end))
    }));
    let shown = scn()
        .current_dir(folder.path())
        .args(&arguments[..5])
        .arg("--usage")
        .assert()
        .success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(
        shown.contains("atom of layer 1, over 10 test images"),
        "{shown}"
    );
    fails(
        scn().current_dir(folder.path()).args([
            "inspect", "--model", "run", "--layer", "1", "--atoms", "a.png",
        ]),
        &["a.png", "a name that ends in .svg"],
    );
}

#[test]
fn what_is_wrong_with_own_data_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_pictures(&at("good"), 4);
    write_pictures(&at("one"), 4);
    std::fs::remove_dir_all(at("one/discs")).unwrap();
    write_pictures(&at("empty"), 4);
    std::fs::remove_dir_all(at("empty/discs")).unwrap();
    std::fs::create_dir(at("empty/discs")).unwrap();
    write_pictures(&at("odd"), 4);
    std::fs::write(at("odd/discs/000.png"), b"no picture").unwrap();
    for (name, class) in [("train", "discs"), ("test", "stars")] {
        write_pictures(&at("differ").join(name), 2);
        if class == "stars" {
            std::fs::rename(at("differ/test/discs"), at("differ/test/stars")).unwrap();
        }
    }
    write_arrays(folder.path(), "labels", |pixel| pixel);
    write_array(
        &at("labels-test-labels.npy"),
        &[10],
        &[0_i64, 1, 0, 1, 0, 1, 0, 1, 0, 7],
    );
    write_arrays(folder.path(), "gap", |pixel| pixel);
    write_array(
        &at("gap-train-labels.npy"),
        &[24],
        &[[0_u8; 12], [2; 12]].concat(),
    );
    write_arrays(folder.path(), "nan", |pixel| {
        if pixel == 20 { f32::NAN } else { 0.5 }
    });
    let share = ["--test-share", "0.25"];
    let sized = ["--test-share", "0.25", "--set", "pictures.size=[8,8]"];
    for (source, arguments, says) in [
        (
            "folder:nowhere",
            &share[..],
            &["nowhere", "a readable folder"][..],
        ),
        (
            "folder:good",
            &[],
            &["good", "holds neither train nor test", "test_share"],
        ),
        (
            "folder:good",
            &share,
            &[
                "good/crosses/001.png",
                "24 x 24",
                "30 x 30",
                "pictures.size",
            ],
        ),
        (
            "folder:one",
            &sized,
            &["one", "at least two classes", "only \"crosses\""],
        ),
        (
            "folder:empty",
            &sized,
            &["empty/discs", "at least one picture"],
        ),
        (
            "folder:odd",
            &sized,
            &["odd/discs/000.png", "a whole PNG or JPEG picture"],
        ),
        (
            "folder:differ",
            &sized[2..],
            &["differ/train", "differ/test", "same classes"],
        ),
        (
            "folder:good",
            &["--test-share", "1.5"],
            &["test_share must be between 0 and 1, but is 1.5"],
        ),
        (
            "npy:labels",
            &[],
            &["labels-test-labels.npy", "must be 0 to 1, but is 7"],
        ),
        (
            "npy:gap",
            &[],
            &["gap-train-labels.npy", "label 1 is not there"],
        ),
        (
            "npy:nan",
            &[],
            &["nan-train-images.npy", "finite pixels", "NaN"],
        ),
        (
            "npy:none",
            &[],
            &["none-train-images.npy", "a readable file"],
        ),
        (
            "npy:labels",
            &share,
            &["test_share must be off, as it is for folder:DIR alone"],
        ),
        (
            "digits",
            &sized[2..],
            &["pictures must be off, as it is for folder:DIR alone"],
        ),
    ] {
        let arguments = [&["--dataset", source], arguments].concat();
        fails(&mut train(folder.path(), "run", &arguments), says);
        assert!(!at("run").exists(), "{source}");
    }
    // A folder that nothing is read from, a preset without images, images without a source.
    fails(
        scn()
            .current_dir(folder.path())
            .args(["train", "--data", "good"]),
        &["--data good", "digits is embedded", "--dataset folder:good"],
    );
    scn()
        .current_dir(folder.path())
        .env("SCN_DATA", "good")
        .args(["data", "check", "digits"])
        .assert()
        .success();
    fails(
        scn()
            .current_dir(folder.path())
            .args(["train", "--preset", "scn2"]),
        &["preset scn2 is for any images", "folder:DIR or npy:PREFIX"],
    );
    fails(
        &mut train(folder.path(), "run", &["--dataset", "own:shapes"]),
        &["own:shapes", "put together by a program"],
    );
    fails(
        &mut train(folder.path(), "run", &["--set", "training.patience=3"]),
        &["training.patience must be off, as training.validation is, but is 3"],
    );
}
