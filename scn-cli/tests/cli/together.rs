//! Several processes at the same time.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn train(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("scn"));
    let small = "train --quiet --threads 1 --epochs 2 --train-limit 300 --test-limit 20";
    command.args(small.split(' ')).args(arguments);
    command.current_dir(folder).env_remove("SCN_DATA");
    command.stderr(Stdio::piped()).spawn().unwrap()
}

fn wait(children: Vec<Child>) -> Vec<Output> {
    let children = children.into_iter();
    children
        .map(|child| child.wait_with_output().unwrap())
        .collect()
}

/// One process trains; the others are refused.
#[test]
fn one_process_trains_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = wait(
        (0..4)
            .map(|_| train(folder.path(), &["--out", "run"]))
            .collect(),
    );
    let (done, refused): (Vec<_>, Vec<_>) =
        outputs.iter().partition(|output| output.status.success());
    assert_eq!(done.len(), 1);
    for output in refused {
        let message = String::from_utf8_lossy(&output.stderr);
        // A process that starts after the first has ended finds a complete run.
        let told = message.contains("another process is training there")
            || message.contains("already holds a run");
        assert!(told, "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    // The folder is no longer locked.
    let resumed = wait(vec![train(folder.path(), &["--out", "again"])]);
    assert!(resumed[0].status.success());
    assert!(!folder.path().join("run/.lock").exists());
}

/// Default folders are numbered, so each process has its own.
#[test]
fn processes_without_out_get_separate_folders() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = wait((0..3).map(|_| train(folder.path(), &[])).collect());
    assert!(outputs.iter().all(|output| output.status.success()));
    for name in ["digits", "digits-2", "digits-3"] {
        let model = folder
            .path()
            .join("runs")
            .join(name)
            .join("model.safetensors");
        assert!(model.is_file(), "{name}");
    }
}

/// A run without images leaves no folder, which would otherwise count for the next default name.
#[test]
fn a_run_without_images_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = wait(vec![train(folder.path(), &["--preset", "mnist-scn1"])]);
    assert!(!outputs[0].status.success());
    assert!(!folder.path().join("runs").exists());
}
