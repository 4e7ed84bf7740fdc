//! Damaged models, models of early versions, and images that are not finite.

use std::path::{Path, PathBuf};

use predicates::prelude::*;

use crate::mistakes::fails;
use crate::{scn, write_array};

/// A folder with an untrained model for the digits.
struct Untrained(tempfile::TempDir);

impl Untrained {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let mut init = scn();
        init.args(["init", "--preset", "digits", "--out"])
            .arg(folder.path("M"));
        init.assert().success();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns a command with arguments. Those that are neither options nor the command are files
    /// in this folder.
    fn scn(&self, arguments: &str) -> assert_cmd::Command {
        let mut command = scn();
        for (index, argument) in arguments.split(' ').enumerate() {
            if index == 0 || argument.starts_with('-') {
                command.arg(argument);
            } else {
                command.arg(self.path(argument));
            }
        }
        command
    }
}

/// Image 130 is in a later batch than the first 128 images.
#[test]
fn images_that_are_not_finite_are_named() {
    let folder = Untrained::new();
    for (image, value, says) in [(3, f64::NAN, "NaN"), (130, f64::NEG_INFINITY, "-inf")] {
        let mut pixels = vec![0.5; 140 * 64];
        pixels[image * 64 + 10] = value;
        let single: Vec<f32> = pixels.iter().map(|&pixel| pixel as f32).collect();
        write_array(&folder.path("f8.npy"), &[140, 1, 8, 8], &pixels);
        write_array(&folder.path("f4.npy"), &[140, 1, 8, 8], &single);
        write_array(&folder.path("y.npy"), &[140], &[1_i64; 140]);
        let image = format!("image {image}: ");
        let says = format!("expected finite pixels, found {says} at [0, 1, 2]");
        for file in ["f4.npy", "f8.npy"] {
            let predict = format!("predict --model M --images {file} --logits out");
            fails(&mut folder.scn(&predict), &[file, &image, &says]);
            let gradients = format!("gradients --model M --images {file} --labels y.npy --out out");
            fails(&mut folder.scn(&gradients), &[file, &image, &says]);
        }
    }
    // The pixel is finite, but its square is not.
    let mut pixels = vec![0.5; 140 * 64];
    pixels[131 * 64] = f32::MAX;
    write_array(&folder.path("X.npy"), &[140, 1, 8, 8], &pixels);
    fails(
        &mut folder.scn("predict --model M --images X.npy --logits out"),
        &["X.npy", "image 131: ", "layer0", "too large for f32"],
    );
    assert!(!folder.path("out").exists());
}

#[test]
fn a_damaged_model_is_refused() {
    let folder = Untrained::new();
    let mut bytes = std::fs::read(folder.path("M")).unwrap();
    let last = bytes.len() - 1;
    // Flips the sign of a weight.
    bytes[last] ^= 0x80;
    std::fs::write(folder.path("M"), bytes).unwrap();
    write_array(&folder.path("X.npy"), &[1, 1, 8, 8], &[0.5_f32; 64]);
    for arguments in [
        "inspect --model M",
        "evaluate --model M",
        "predict --model M --images X.npy --logits out",
    ] {
        fails(
            &mut folder.scn(arguments),
            &[
                "M: expected contents with the checksum sha256:",
                ", found sha256:",
                "damaged",
            ],
        );
    }
}

/// There is one warning on standard error, and none for a file with a checksum.
#[test]
fn a_model_without_a_checksum_is_read_with_a_warning() {
    let folder = Untrained::new();
    let inspect = |model: &Path| {
        let mut command = scn();
        command.args(["inspect", "--model"]).arg(model);
        command
    };
    inspect(&folder.path("M")).assert().success().stderr("");
    let kept =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../scn-net/tests/kept/checkpoint.safetensors");
    let expected = format!(
        "warning: {}: the file has no checksum, as in early versions; damage would go unnoticed\n",
        kept.display()
    );
    inspect(&kept).assert().success().stderr(expected);

    let run = folder.path("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::copy(kept, run.join("checkpoint.safetensors")).unwrap();
    let resume = || {
        let mut command = scn();
        command.args(["train", "--resume", "--out"]).arg(&run);
        command
    };
    let warned = predicate::str::contains("no checksum").count(1);
    resume().assert().success().stderr(warned);
    resume()
        .args(["--epochs", "4"])
        .assert()
        .success()
        .stderr("");
}

/// Absurdly large numbers are refused by name before memory is allocated.
#[test]
fn absurd_settings_are_named() {
    for (setting, says) in [
        (
            "network.layers=[{atoms=65536}]",
            "network.layers.atoms must be so small that",
        ),
        (
            "training.epochs=9223372036854775807",
            "training.epochs must be from 1 to 1000000000",
        ),
    ] {
        fails(scn().args(["train", "--set", setting]), &[says]);
    }
    let layers = vec!["{atoms=1}"; 5000].join(",");
    let layers = format!("network.layers=[{layers}]");
    fails(
        scn().args(["train", "--set", &layers]),
        &["network.layers must be from 1 to 1024 layers, but is 5000"],
    );
}
