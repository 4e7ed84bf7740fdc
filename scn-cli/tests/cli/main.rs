//! Tests of the command line as users run it.
//!
//! Helpers: `made` writes runs without training, `page` and `plot` parse reports, and `mistakes`
//! checks error messages.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arrays;
mod bench;
mod blocks;
mod comparison;
mod crashes;
mod data;
mod device;
mod documents;
mod evaluation;
mod learn;
mod learn_states;
mod made;
#[path = "../made/mnist.rs"]
mod made_mnist;
mod mistakes;
mod models;
mod network;
mod options;
mod own;
mod page;
mod patches;
mod peers;
mod pictures;
mod plot;
mod python;
mod refused;
mod report;
mod reproduce;
mod results;
mod screen;
mod settings;
mod shell;
mod solve;
mod tables;
mod tensorboard;
mod together;
mod tools;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use npyz::WriterBuilder;
use scn_data::DatasetName;

/// Returns the command, independent of any data folder of this machine.
fn scn() -> Command {
    let mut command = Command::cargo_bin("scn").unwrap();
    command.env_remove("SCN_DATA");
    command
}

/// Returns the folder that `SCN_DATA` names if it contains this data set. Otherwise prints that the
/// test is skipped.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn real_data(dataset: DatasetName) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("SCN_DATA").map(PathBuf::from) else {
        eprintln!("skipped: SCN_DATA is not set; {dataset} is needed");
        return None;
    };
    match scn_data::open(dataset, &folder) {
        Ok(_) => Some(folder),
        Err(missing) => {
            eprintln!("skipped: {missing}");
            None
        }
    }
}

/// Runs a command that must succeed, and parses the output of `--json`.
fn json(command: &mut Command) -> serde_json::Value {
    let output = command
        .arg("--json")
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    serde_json::from_slice(&output).unwrap()
}

/// Hides the checksum of a model or a checkpoint, found by its key and by its prefix, so that a
/// file whose numbers a test has changed looks like a file from before checksums.
fn forget_checksum(file: &mut [u8]) {
    for (mark, other) in [("scn.sha256\"", "scn.absent\""), ("\"sha256:", "\"absent:")] {
        let mut parts = file.windows(mark.len());
        let at = parts.position(|part| part == mark.as_bytes()).unwrap();
        file[at..at + mark.len()].copy_from_slice(other.as_bytes());
    }
}

/// Returns a pseudo-random number in [0, 1) that depends only on `at`.
fn noise(at: usize) -> f64 {
    let mixed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

fn write_array<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[u64], values: &[T]) {
    let file = std::fs::File::create(path).unwrap();
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(shape)
        .writer(file)
        .begin_nd()
        .unwrap();
    writer.extend(values.iter().copied()).unwrap();
    writer.finish().unwrap();
}

fn read_array<T: npyz::Deserialize>(path: &Path) -> (Vec<u64>, Vec<T>) {
    let bytes = std::fs::read(path).unwrap();
    let file = npyz::NpyFile::new(bytes.as_slice()).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

/// Trains a network of two small layers for two epochs on some digits.
fn train_small(out: &Path, extra: &[&str]) -> Command {
    let mut command = scn();
    command.args([
        "train",
        "--train-limit",
        "96",
        "--test-limit",
        "40",
        "--batch-size",
        "32",
        "--epochs",
        "2",
    ]);
    command
        .args([
            "--set",
            "network.layers=[{atoms=8},{atoms=12,stride=2}]",
            "--out",
        ])
        .arg(out)
        .args(extra);
    command
}
