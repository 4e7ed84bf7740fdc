//! A run that is killed at any call that writes, flushes, renames or removes files resumes to the
//! same files as an undisturbed run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tensorboard::steps_by_tag;

/// System calls by which the program changes files.
const CALLS: [&str; 11] = [
    "write",
    "writev",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
];

fn scn() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("scn"));
    command.env_remove("SCN_DATA");
    command
}

/// Returns the arguments to train for two epochs on 40 digits.
fn train(out: &Path) -> Vec<String> {
    let arguments = "train --quiet --threads 1 --epochs 2 --train-limit 40 --test-limit 20 --out";
    let mut arguments: Vec<String> = arguments.split(' ').map(str::to_string).collect();
    arguments.push(out.display().to_string());
    arguments
}

fn resume(out: &Path) -> Command {
    let mut command = scn();
    command
        .args(["train", "--quiet", "--threads", "1", "--resume", "--out"])
        .arg(out);
    command
}

/// Returns the files of a run that have to be identical, by name; the metrics are returned without
/// times.
fn kept(out: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let mut files: Vec<_> = ["config.toml", "model.safetensors"]
        .map(|name| (name, std::fs::read(out.join(name)).unwrap_or_default()))
        .to_vec();
    let metrics = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap_or_default();
    for line in metrics.lines() {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        for time in ["seconds", "images_per_second"] {
            record.as_object_mut().unwrap().remove(time);
        }
        files.push(("metrics.jsonl", record.to_string().into_bytes()));
    }
    files
}

/// Returns files in a run folder that a complete run does not leave.
fn leftovers(out: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let hidden = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
    };
    names.filter(hidden).collect()
}

/// Runs the program and kills it at the given call of this name. Returns whether it was killed.
fn killed_at(name: &str, call: usize, arguments: &[String], log: &Path) -> bool {
    let status = Command::new("strace")
        .args(["-f", "-o"])
        .arg(log)
        .args(["-e", &format!("trace={name}")])
        .args(["-e", &format!("inject={name}:signal=KILL:when={call}")])
        .arg(assert_cmd::cargo::cargo_bin("scn"))
        .args(arguments)
        .env_remove("SCN_DATA")
        .status();
    !status.unwrap().success()
}

/// Injects kills with `strace`, so the program needs no hooks for this test.
#[test]
fn a_run_killed_at_any_call_resumes_to_identical_files() {
    let traces = Command::new("strace")
        .args(["-e", "trace=write", "true"])
        .output();
    if !traces.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: strace is not installed or not permitted to trace");
        return;
    }
    // Kill at every rename, and at every third of the other calls, or at all of them if
    // `SCN_CRASH_ALL` is set.
    let all = std::env::var_os("SCN_CRASH_ALL").is_some();
    let stride = |name: &str| {
        if all || name.starts_with("rename") {
            1
        } else {
            3
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    assert!(scn().args(train(&whole)).status().unwrap().success());
    let expected = kept(&whole);
    let steps = steps_by_tag(&whole);
    let log = folder.path().join("log");
    let mut killed = 0;
    for name in CALLS {
        for call in (1..).step_by(stride(name)) {
            let out = folder.path().join(format!("{name}-{call}"));
            if !killed_at(name, call, &train(&out), &log) {
                assert_eq!(kept(&out), expected);
                break;
            }
            killed += 1;
            // Before the first checkpoint there is nothing to resume, and the run starts afresh.
            let again = if out.join("checkpoint.safetensors").exists() {
                resume(&out).status()
            } else {
                scn().args(train(&out)).status()
            };
            let place = format!("killed at {name} number {call}");
            assert!(again.unwrap().success(), "{place}");
            assert_eq!(kept(&out), expected, "{place}");
            assert!(out.join("report.html").is_file(), "{place}");
            assert_eq!(steps_by_tag(&out), steps, "{place}");
            assert_eq!(leftovers(&out), Vec::<PathBuf>::new(), "{place}");
            std::fs::remove_dir_all(out).unwrap();
        }
    }
    // More than twenty files are written, flushed and renamed.
    assert!(killed >= 40, "{killed} kills");
}
