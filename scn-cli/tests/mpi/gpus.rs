//! Processes with one GPU each are bit-identical to a single process with both GPUs. Without two
//! GPUs these tests print that they are skipped, or fail if `SCN_REQUIRE_CUDA` asks for two.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use crate::faults::{begun, children, ends_within, signal};
use crate::{done, errors, model, result, scn, shared, turn};

/// Batches of 10, 10 and 4 digits, with all optional training features.
const TRAIN: &str = "train --train-limit 24 --test-limit 15 --batch-size 10 --epochs 2 --threads 1 --quiet \
    --set network.layers=[{atoms=8},{atoms=12,stride=2}] --set training.average_decay=0.5 --set training.mixup=0.4 \
    --set training.clip_norm=0.5";

/// A run of many short epochs.
const LONG: &str = "train --train-limit 20 --test-limit 10 --batch-size 10 --epochs 10 --threads 1 --out run \
    --set network.layers=[{atoms=8}]";

/// Returns the lock to start processes that have two GPUs.
fn gpus() -> Option<MutexGuard<'static, ()>> {
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

/// Returns the lines of `metrics.jsonl` without their times.
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
fn two_processes_with_one_gpu_each_equal_one_with_both() {
    let Some(_turn) = gpus() else { return };
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
        // Checkpoints contain the training time.
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

    // A command that does not share work runs once, in the first process.
    let bench =
        "bench infer --device cuda --preset digits --batch-size 4 --steps 1 --warm-up 0 --json";
    let output = done(&mut shared(2, bench, folder));
    let bench: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(bench["what"], "infer");

    // Resuming with the same number of GPUs is bit-identical; resuming with a different number is
    // not.
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

/// Ends two processes in different ways, and resumes the run.
#[test]
fn an_ended_run_resumes() {
    let Some(_turn) = gpus() else { return };
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

/// Starts two processes, each with its own arguments. Open MPI ends them at once if one fails.
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
    // Any failure ends all processes long before the stand-in gives up.
    assert!(begun.elapsed() < Duration::from_secs(30));
    output
}

#[test]
fn errors_are_reported_once() {
    let Some(_turn) = gpus() else { return };
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
    // No folder is left.
    assert!(std::fs::read_dir(folder).unwrap().next().is_none());

    if std::env::var_os("SCN_HOST_DEVICES").is_none_or(|devices| devices != "2") {
        return;
    }
    let train = format!("{TRAIN} --device cuda --out run");
    says(
        shared(3, &train, folder).output().unwrap(),
        "this machine runs 3 processes and has 2 GPUs",
    );
    let (own, run) = (with("cuda"), folder.join("run"));
    // The second device has memory for the network, but not for a step. That is reported before the
    // first process waits for its gradients.
    let little = format!("SCN_HOST_MEMORY=60000 {own}");
    says(each(folder, [&own, &little]), "process 1 on ");
    assert!(run.join("config.toml").exists());
    std::fs::remove_dir_all(run).unwrap();
    // The first process waits for gradients that never arrive, and cannot report it.
    let failing = format!("SCN_HOST_NCCL_FAILS=3 {own}");
    says(
        each(folder, [&own, &failing]),
        "NCCL reports ncclSystemError",
    );
}
