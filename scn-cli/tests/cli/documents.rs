//! The commands in the documents work as written.

#[path = "../structure/document.rs"]
mod document;

use std::path::{Path, PathBuf};
use std::process::Command;

use self::document::{Document, Form};
use crate::page::{all, parse, read, text};
use crate::{scn, write_array};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Returns the code of a document in a form, from one of its sections or from all.
fn code(document: &str, section: Option<&str>, form: &Form) -> Vec<String> {
    let document = Document::read(&root().join("docs").join(document));
    let inside = |title: &str| section.is_none_or(|section| title == section);
    let found = document.code.into_iter();
    let found = found.filter(|code| code.form == *form && inside(&code.section));
    found.map(|code| code.text).collect()
}

/// Returns the indented code blocks of a section of a document, or of the whole document.
fn blocks(document: &str, section: Option<&str>) -> Vec<String> {
    code(document, section, &Form::Indented)
}

/// Returns the fenced blocks of a document in a language.
fn fenced(document: &str, language: &str) -> Vec<String> {
    code(document, None, &Form::Fenced(language.to_owned()))
}

/// Runs a shell script in a folder. Its `scn` is the program under test.
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

/// Runs the sweep in docs/experiments.md as written.
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

/// Checks the other commands in docs/experiments.md as far as possible without the images.
#[test]
fn the_commands_of_the_experiments_are_valid() {
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

/// Runs the commands in docs/learning-dictionaries.md one after another on the embedded digits.
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

/// Runs the commands in docs/denoising.md, except that there are a sixteenth of the patches and a
/// quarter of the atoms.
#[test]
fn an_image_is_denoised_as_written() {
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
    // The document reports a gain of 7.7 dB.
    assert!(after > before + 5.0, "{line}");
    assert!(says.ends_with(&format!("before {before:.2} dB")), "{says}");
}

/// The commands in docs/tour.md run in order. The resumed network is compared there, by `cmp`.
#[test]
fn the_tour_runs_as_written() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("docs"), folder.path().join("docs")).unwrap();
    let blocks = blocks("tour.md", None);
    let mut script: Vec<&str> = blocks.iter().map(String::as_str).collect();
    script.retain(|block| block.starts_with("scn ") || block.starts_with("timeout "));
    assert_eq!(script.len(), 4, "{script:?}");
    let output = shell(folder.path(), &script.join("\n"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for file in ["runs/digits/report.html", "excited.svg", "denoised.png"] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
}

/// The program in docs/tour.md is an example of scn-grad, and prints what the tour says.
#[test]
fn the_program_of_the_tour_is_an_example() {
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let program = squeezed(&read(root().join("scn-grad/examples/tour.rs")));
    let quoted = fenced("tour.md", "rust");
    assert_eq!(quoted.len(), 3);
    for block in quoted {
        // Comments may differ: the tour explains in sentences what they say.
        for line in block.lines().filter(|line| !line.trim().starts_with("//")) {
            assert!(program.contains(&squeezed(line)), "{line}");
        }
    }
    let built = PathBuf::from(scn().get_program());
    let built = built.parent().unwrap().join("examples/tour");
    if !built.is_file() {
        eprintln!("skipped: the example is not built");
        return;
    }
    let output = Command::new(built).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let said = fenced("tour.md", "text").concat();
    // Rounding errors differ between instruction sets.
    let exact = |line: &&str| !line.starts_with("KKT residual");
    for line in printed.lines().filter(exact) {
        assert!(said.contains(line), "{line}");
    }
}
