//! Processes that have a graphics processor each: the bits of one process that has both. Without two of them these tests say that they are
//! skipped, or fail if `SCN_REQUIRE_CUDA` asks for two.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use crate::faults::{begun, children, ends_within, signal};
use crate::{done, errors, model, result, scn, shared, turn};

/// Batches of 10, 10 and 4 digits, with all that training has on top.
const TRAIN: &str = "train --train-limit 24 --test-limit 15 --batch-size 10 --epochs 2 --threads 1 --quiet \
    --set network.layers=[{atoms=8},{atoms=12,stride=2}] --set training.average_decay=0.5 --set training.mixup=0.4 \
    --set training.clip_norm=0.5";

/// A run of many short epochs.
const LONG: &str = "train --train-limit 20 --test-limit 10 --batch-size 10 --epochs 10 --threads 1 --out run \
    --set network.layers=[{atoms=8}]";

/// The right to start processes that have two graphics processors.
fn cards() -> Option<MutexGuard<'static, ()>> {
    let turn = turn()?;
    let bench =
        "bench infer --device cuda:0,1 --preset digits --batch-size 4 --steps 1 --warm-up 0";
    let tried = scn(bench).output().unwrap();
    if tried.status.success() {
        return Some(turn);
    }
    let required = std::env::var("SCN_REQUIRE_CUDA").is_ok_and(|count| count.as_str() > "1");
    assert!(!required, "{tried:?}");
    eprintln!("skipped: {}", String::from_utf8_lossy(&tried.stderr));
    None
}

/// The lines of `metrics.jsonl` but for their times.
fn metrics(folder: &Path, run: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join(run).join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let mut epoch: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = epoch.as_object_mut().unwrap();
        for time in ["seconds", "images_per_second"] {
            assert!(fields.remove(time).is_some(), "{line}");
        }
        epoch
    };
    text.lines().map(line).collect()
}

fn resume(folder: &Path, run: &str, epochs: usize, device: &str, processes: usize) {
    let train = format!(
        "train --resume --threads 1 --quiet --epochs {epochs} --device {device} --out {run}"
    );
    match processes {
        1 => done(scn(&train).current_dir(folder)),
        _ => done(&mut shared(processes, &train, folder)),
    };
}

fn copy(folder: &Path, from: &str, to: &str) {
    done(
        Command::new("cp")
            .args(["-r", from, to])
            .current_dir(folder),
    );
}

#[test]
fn two_processes_with_one_each_are_one_with_both() {
    let Some(_turn) = cards() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(scn(&format!("{TRAIN} --device cuda:0,1 --out alone")).current_dir(folder));
    let train = format!("{TRAIN} --device cuda --out two");
    done(&mut shared(2, &train, folder));
    assert!(model(folder, "two") == model(folder, "alone"));
    let [two, alone] = ["two", "alone"].map(|run| metrics(folder, run));
    assert_eq!(two, alone);
    assert_eq!(two.len(), 2);
    for file in ["checkpoint.safetensors", "model-averaged.safetensors"] {
        let [two, alone] = ["two", "alone"].map(|run| folder.join(run).join(file));
        // A checkpoint knows how long its run took.
        let same = std::fs::read(two).unwrap() == std::fs::read(alone).unwrap();
        assert!(same || file.starts_with("checkpoint"), "{file}");
    }

    let evaluate =
        "evaluate --model alone --json --threads 1 --batch-size 4 --test-limit 15 --device";
    let alone = result(&done(
        scn(&format!("{evaluate} cuda:0,1")).current_dir(folder),
    ));
    let two = result(&done(&mut shared(2, &format!("{evaluate} cuda"), folder)));
    assert_eq!(two, alone);

    // What is not shared is done once, with the first of them.
    let bench =
        "bench infer --device cuda --preset digits --batch-size 4 --steps 1 --warm-up 0 --json";
    let output = done(&mut shared(2, bench, folder));
    let bench: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(bench["what"], "infer");

    // Other numbers of them go on, to other bits; the same number to the same.
    for (run, device, processes) in [
        ("one", "cuda:1", 1),
        ("both", "cuda:0,1", 1),
        ("again", "cuda", 2),
    ] {
        copy(folder, "two", run);
        resume(folder, run, 3, device, processes);
        assert_eq!(metrics(folder, run).len(), 3);
    }
    assert!(model(folder, "again") == model(folder, "both"));
    assert!(model(folder, "one") != model(folder, "both"));
}

/// Two processes that are ended in different ways, and the run that goes on from there.
#[test]
fn a_run_that_is_ended_goes_on() {
    let Some(_turn) = cards() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let fresh = LONG.replace("--out run", "--quiet --device cuda:0,1 --out fresh");
    done(scn(&fresh).current_dir(folder));
    for killed in [false, true] {
        let mut child = begun(2, &format!("{LONG} --device cuda"), folder);
        if killed {
            signal("-KILL", children(child.id())[1]);
        } else {
            signal("-TERM", child.id());
        }
        ends_within(&mut child, Duration::from_secs(20));
        resume(folder, "run", 10, "cuda", 2);
        assert!(model(folder, "run") == model(folder, "fresh"), "{killed}");
        std::fs::remove_dir_all(folder.join("run")).unwrap();
    }
}

/// Two processes, each with arguments of its own, that are ended at once if they fail.
fn each(folder: &Path, arguments: [&str; 2]) -> Output {
    let [first, second] = arguments.map(|own| format!("{own} {TRAIN} --out run"));
    let mut command = Command::new("mpirun");
    let options = "--allow-run-as-root --oversubscribe --quiet --mca odls_base_sigkill_timeout 0";
    command.args(options.split_whitespace());
    command
        .args(["-n", "1", "env"])
        .args(first.split_whitespace());
    command.args([":", "-n", "1", "env"]);
    command.args(second.split_whitespace());
    let begun = Instant::now();
    let output = command.current_dir(folder).output().unwrap();
    // Whatever fails ends all long before a stand-in gives up.
    assert!(begun.elapsed() < Duration::from_secs(30));
    output
}

#[test]
fn what_is_wrong_is_said_once() {
    let Some(_turn) = cards() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let says = |output: Output, expected: &str| {
        assert!(!output.status.success());
        let errors = errors(&output);
        assert_eq!(errors.len(), 1, "{output:?}");
        assert!(errors[0].contains(expected), "{errors:?}");
    };
    let scn = env!("CARGO_BIN_EXE_scn");
    let with = |device: &str| format!("{scn} --device {device}");
    let first = with("cuda:0");
    says(
        each(folder, [&first, &first]),
        "two ranks have the same device",
    );
    // Nothing of this has left a folder.
    assert!(std::fs::read_dir(folder).unwrap().next().is_none());

    if std::env::var_os("SCN_HOST_DEVICES").is_none_or(|devices| devices != "2") {
        return;
    }
    let train = format!("{TRAIN} --device cuda --out run");
    says(
        shared(3, &train, folder).output().unwrap(),
        "3 processes are on this machine, which has 2 graphics processors",
    );
    let (own, run) = (with("cuda"), folder.join("run"));
    // Room for the network on the second device, but for no step: told before the first one waits for its gradients.
    let little = format!("SCN_HOST_MEMORY=60000 {own}");
    says(each(folder, [&own, &little]), "process 1 on ");
    assert!(run.join("config.toml").exists());
    std::fs::remove_dir_all(run).unwrap();
    // The first one waits for gradients that never come, and cannot say so.
    let failing = format!("SCN_HOST_NCCL_FAILS=3 {own}");
    says(each(folder, [&own, &failing]), "NCCL says ncclSystemError");
}
