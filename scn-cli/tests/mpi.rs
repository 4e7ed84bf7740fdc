//! Processes that MPI has started: the same bits for any number of them, through interruptions and failures.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Two epochs of 15 batches.
const TRAIN: &str =
    "train --train-limit 300 --test-limit 90 --batch-size 20 --epochs 2 --threads 1 --quiet";

fn scn(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scn"));
    command.args(arguments.split_whitespace());
    command
}

/// So many processes, which have three seconds to end themselves after a signal.
fn mpirun(processes: usize) -> Command {
    let mut command = Command::new("mpirun");
    let options =
        "--allow-run-as-root --oversubscribe --quiet --mca odls_base_sigkill_timeout 3 -n";
    command
        .args(options.split_whitespace())
        .arg(processes.to_string());
    command
}

fn shared(processes: usize, arguments: &str, folder: &Path) -> Command {
    let mut command = mpirun(processes);
    command.arg(env!("CARGO_BIN_EXE_scn"));
    command
        .args(arguments.split_whitespace())
        .current_dir(folder);
    command
}

/// The right to start processes, one test at a time: more of them than cores wait for each other. None where they cannot be started.
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    if Command::new("mpirun").arg("--version").output().is_err() {
        eprintln!("mpirun: not found; skipped");
        return None;
    }
    Some(TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn model(folder: &Path, run: &str) -> Vec<u8> {
    std::fs::read(folder.join(run).join("model.safetensors")).unwrap()
}

/// The line that a person sees, without what `mpirun` adds.
fn errors(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = text.lines().filter(|line| line.starts_with("error: "));
    lines.map(str::to_string).collect()
}

#[test]
fn models_and_evaluations_are_those_of_one_process() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(scn(&format!("{TRAIN} --out alone")).current_dir(folder));
    for processes in [2, 3] {
        let run = format!("of-{processes}");
        done(&mut shared(
            processes,
            &format!("{TRAIN} --out {run}"),
            folder,
        ));
        assert!(model(folder, &run) == model(folder, "alone"), "{processes}");
        for file in [
            "config.toml",
            "checkpoint.safetensors",
            "metrics.jsonl",
            "report.html",
        ] {
            assert!(folder.join(&run).join(file).exists(), "{file}");
        }
    }
    let evaluate = "evaluate --model alone/model.safetensors --json --threads 1 --batch-size 50";
    let result = |output: Output| {
        let mut result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let object = result.as_object_mut().unwrap();
        object.remove("seconds");
        object.remove("images_per_second");
        result
    };
    let alone = result(done(scn(evaluate).current_dir(folder)));
    let three = result(done(&mut shared(3, evaluate, folder)));
    assert_eq!(alone, three);
    // What is not shared is done once.
    let output = done(&mut shared(2, "presets", folder));
    assert_eq!(output.stdout, done(&mut scn("presets")).stdout);
}

/// Epochs of a run that is disturbed.
const EPOCHS: &str = "30";
const LONG: &str =
    "train --train-limit 300 --test-limit 90 --batch-size 20 --epochs 30 --threads 1 --out run";

/// Three processes in such a run, after its first epochs.
fn begun(folder: &Path) -> Child {
    let mut command = shared(3, LONG, folder);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.any(|line| line.trim_start().starts_with("2 ")));
    // The rest is read, so that nobody waits for room in the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn signal(name: &str, process: u32) {
    done(Command::new("kill").args([name, &process.to_string()]));
}

/// The processes that a process has started.
fn children(parent: u32) -> Vec<u32> {
    let output = done(Command::new("ps").args(["-o", "pid=", "--ppid", &parent.to_string()]));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

fn ends_within(child: &mut Child, time: Duration) {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < time, "still there after {time:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Goes on with a run to its end, once by one process and once by two: to the bits of one that was never disturbed.
fn resumes(folder: &Path) {
    done(
        Command::new("cp")
            .args(["-r", "run", "again"])
            .current_dir(folder),
    );
    let resume = "train --resume --threads 1 --quiet --epochs";
    let resume = format!("{resume} {EPOCHS} --out");
    done(scn(&format!("{resume} run")).current_dir(folder));
    done(&mut shared(2, &format!("{resume} again"), folder));
    let fresh = LONG.replace("--out run", "--quiet --out fresh");
    done(scn(&fresh).current_dir(folder));
    assert!(model(folder, "run") == model(folder, "fresh"));
    assert!(model(folder, "again") == model(folder, "fresh"));
}

/// A run that is disturbed ends soon, and goes on.
fn ends_and_goes_on(disturb: impl Fn(&Child)) {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut child = begun(folder.path());
    disturb(&child);
    ends_within(&mut child, Duration::from_secs(20));
    resumes(folder.path());
}

#[test]
fn a_signal_ends_all_with_a_checkpoint() {
    ends_and_goes_on(|child| signal("-TERM", child.id()));
}

#[test]
fn a_process_that_is_killed_ends_all_and_the_run_goes_on() {
    ends_and_goes_on(|child| {
        let all = children(child.id());
        assert_eq!(all.len(), 3);
        signal("-KILL", all[2]);
    });
}

#[test]
fn what_is_wrong_is_said_once() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = shared(3, "train --epochs 0.5", folder).output().unwrap();
    assert_eq!(errors(&output).len(), 1, "{output:?}");
    let output = shared(3, "evaluate --model missing", folder)
        .output()
        .unwrap();
    assert_eq!(
        errors(&output),
        ["error: cannot read missing: No such file or directory (os error 2)"]
    );
    // The images are missing where the second process is.
    let train = "train --epochs 2000 --threads 1 --quiet";
    let mut command = mpirun(1);
    let own = [
        env!("CARGO_BIN_EXE_scn"),
        "train",
        "--dataset",
        "mnist",
        "--data",
        "missing",
        "--out",
        "b",
    ];
    command
        .arg(env!("CARGO_BIN_EXE_scn"))
        .args(train.split_whitespace())
        .args(["--out", "a"]);
    command.args([":", "-n", "1"]).args(own).current_dir(folder);
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let errors = errors(&output);
    assert_eq!(errors.len(), 1, "{output:?}");
    assert!(
        errors[0].contains("process 1 on ") && errors[0].contains("missing"),
        "{errors:?}"
    );
}
