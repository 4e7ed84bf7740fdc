//! What documents tell a person to type works.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::page::{all, parse, read, text};
use crate::{scn, write_array};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// The blocks of code in a section of a document; of all of it where no section is named.
fn blocks(document: &str, section: Option<&str>) -> Vec<String> {
    let text = read(root().join("docs").join(document));
    let mut inside = section.is_none();
    let (mut blocks, mut open) = (Vec::<String>::new(), false);
    for line in text.lines() {
        if let (Some(title), Some(section)) = (line.strip_prefix("## "), section) {
            inside = title == section;
        }
        let code = line.strip_prefix("    ").filter(|_| inside);
        match code {
            Some(code) if open => blocks.last_mut().unwrap().extend(["\n", code]),
            Some(code) => blocks.push(code.to_string()),
            None => {}
        }
        open = code.is_some();
    }
    blocks
}

/// A shell in a folder, whose `scn` is the one under test.
fn shell(folder: &Path, script: &str) -> std::process::Output {
    let program = PathBuf::from(scn().get_program());
    let mut path = vec![program.parent().unwrap().to_path_buf()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(path).unwrap())
        .env_remove("SCN_DATA")
        .output()
        .unwrap()
}

/// The sweep in docs/experiments.md, typed as it stands there.
#[test]
fn the_sweep_runs_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks("experiments.md", Some("Experiments of your own"));
    assert!(!blocks.is_empty());
    for block in &blocks {
        let output = shell(folder.path(), block);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}\n{said}");
    }
    let page = read(folder.path().join("rates/report.html"));
    let page = parse(&page);
    let heads: Vec<String> = all(&page, "th").into_iter().map(text).collect();
    for expected in [
        "rate-0.02",
        "rate-0.1",
        "rate-0.5",
        "training.learning_rate",
    ] {
        assert!(
            heads.iter().any(|head| head == expected),
            "{expected} in {heads:?}"
        );
    }
}

/// Without the images, that is all that the other commands there lack.
#[test]
fn the_experiments_can_be_typed() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("docs"), folder.path().join("docs")).unwrap();
    let mut trained = 0;
    for block in blocks("experiments.md", None) {
        let printed = block.replace("scn train", "scn train --print-config");
        if printed != block && !block.contains("scn report") {
            let output = shell(folder.path(), &printed);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{block}\n{said}");
            trained += 1;
        } else if block.starts_with("scn evaluate") {
            let output = shell(folder.path(), &block);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("scn data fetch cifar10"), "{block}\n{said}");
        }
    }
    assert!(trained >= 2);
}

/// The commands in docs/learning-dictionaries.md, one after the other, on the embedded digits.
#[test]
fn dictionaries_are_learned_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let digits = scn_data::open(scn_data::DatasetName::Digits, folder.path()).unwrap();
    let images = digits.train.len();
    let mut signals = vec![0.0_f32; 64 * images];
    for image in 0..images {
        let pixels: Vec<f32> = digits.train.image(image).values().collect();
        let mean = pixels.iter().sum::<f32>() / 64.0;
        let norm = pixels
            .iter()
            .map(|p| (p - mean).powi(2))
            .sum::<f32>()
            .sqrt();
        for (row, pixel) in pixels.iter().enumerate() {
            signals[row * images + image] = (pixel - mean) / norm;
        }
    }
    write_array(&folder.path().join("X.npy"), &[64, images as u64], &signals);
    let blocks = blocks("learning-dictionaries.md", None);
    assert_eq!(blocks.len(), 2);
    for block in &blocks {
        let output = shell(folder.path(), block);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{block}\n{said}");
    }
    for file in ["D.npy", "D.png", "A.npy", "D.state.safetensors"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
}

/// The commands in docs/denoising.md as they stand there, but with a sixteenth of the patches and a quarter of the atoms.
#[test]
fn a_picture_is_denoised_as_written() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("docs"), folder.path().join("docs")).unwrap();
    let blocks = blocks("denoising.md", None);
    let [commands, says] = &blocks[..] else {
        panic!("{blocks:?}")
    };
    assert!(says.starts_with("PSNR "), "{says}");
    let smaller = commands
        .replace("--patches 8x8", "--patches 8x8 --stride 4")
        .replace("--atoms 256", "--atoms 64");
    assert_eq!(smaller.matches("--stride 4").count(), 3);
    let output = shell(folder.path(), &smaller);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for file in ["D.npy", "atoms.png", "A.npz", "denoised.png"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.starts_with("PSNR ")).unwrap();
    let found: Vec<f64> = line
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [after, before] = found[..] else {
        panic!("{line}")
    };
    // The document says 7.8 dB of this.
    assert!(after > before + 5.0, "{line}");
    assert!(says.ends_with(&format!("before {before:.2} dB")), "{says}");
}
