//! Folders and arrays that are not data sets, and arguments that contradict each other.

use super::{train, write_arrays, write_pictures};
use crate::mistakes::fails;
use crate::{scn, write_array};

#[test]
fn faulty_data_gives_one_line_errors() {
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
            &["empty/discs", "at least one image"],
        ),
        (
            "folder:odd",
            &sized,
            &["odd/discs/000.png", "a complete PNG or JPEG file"],
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
            &["gap-train-labels.npy", "label 1 is missing"],
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
            &["test_share must be off unless dataset is folder:DIR"],
        ),
        (
            "digits",
            &sized[2..],
            &["pictures must be off unless dataset is folder:DIR"],
        ),
    ] {
        let arguments = [&["--dataset", source], arguments].concat();
        fails(&mut train(folder.path(), "run", &arguments), says);
        assert!(!at("run").exists(), "{source}");
    }
    // A data folder that would not be read, a preset without images, images without a source.
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
        &["own:shapes", "assembled by a program"],
    );
    fails(
        &mut train(folder.path(), "run", &["--set", "training.patience=3"]),
        &["training.patience must be off while training.validation is off, but is 3"],
    );
}
