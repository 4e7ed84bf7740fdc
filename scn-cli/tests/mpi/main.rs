//! Processes started by MPI: bit-identical results for any number of processes, also after
//! interruptions and failures.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod columns;
mod faults;
mod gpus;
#[path = "../made/mnist.rs"]
mod made_mnist;
mod training;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use self::made_mnist::made_mnist;

fn scn(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scn"));
    command.args(arguments.split_whitespace());
    command
}

/// Returns `mpirun` for this many processes.
fn mpirun(processes: usize) -> Command {
    let mut command = Command::new("mpirun");
    let options = "--allow-run-as-root --oversubscribe --quiet -n";
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

/// Returns the lock to start processes, or none without MPI. Only one test at a time starts
/// processes, because with more processes than cores they would wait for each other.
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    if Command::new("mpirun").arg("--version").output().is_err() {
        eprintln!("skipped: mpirun is not installed");
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

/// Returns the output of `--json` without times.
fn result(output: &Output) -> Value {
    let mut result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let object = result.as_object_mut().unwrap();
    object.retain(|key, _| !key.contains("second"));
    result
}

fn model(folder: &Path, run: &str) -> Vec<u8> {
    std::fs::read(folder.join(run).join("model.safetensors")).unwrap()
}

/// Returns the error lines, without what `mpirun` adds.
fn errors(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = text.lines().filter(|line| line.starts_with("error: "));
    lines.map(str::to_string).collect()
}

/// Runs two processes with different arguments.
fn differing(first: &str, second: &str, folder: &Path) -> Output {
    let mut command = mpirun(1);
    let scn = env!("CARGO_BIN_EXE_scn");
    command.arg(scn).args(first.split_whitespace());
    command.args([":", "-n", "1", scn]);
    command.args(second.split_whitespace()).current_dir(folder);
    command.output().unwrap()
}
