//! Inputs that are endless or need more memory than there is are refused at once, in one line.

#[cfg(unix)]
use std::path::Path;

use crate::mistakes::fails;
use crate::{scn, write_array};

/// Checks that a command fails within seconds rather than minutes.
fn refused(command: &mut assert_cmd::Command, says: &[&str]) {
    command.timeout(std::time::Duration::from_secs(60));
    fails(command, says);
}

#[cfg(unix)]
#[test]
fn endless_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("/dev/zero", at("endless.npy")).unwrap();
    let mut endless = vec!["endless.npy"];
    let pipe = std::process::Command::new("mkfifo")
        .arg(at("pipe.npy"))
        .status();
    if pipe.is_ok_and(|status| status.success()) {
        endless.push("pipe.npy");
    }
    write_array(&at("D.npy"), &[2, 2], &[1.0, 0.0, 0.0, 1.0_f32]);
    write_array(&at("X.npy"), &[2, 1, 8, 8], &[0.5_f32; 128]);
    scn()
        .args(["init", "--preset", "digits", "--out"])
        .arg(at("M"))
        .assert()
        .success();
    std::fs::create_dir(at("run")).unwrap();
    for name in endless {
        let run = |arguments: &[&str]| {
            let mut command = scn();
            command.current_dir(folder.path()).args(arguments);
            refused(&mut command, &["a regular file, found a pipe or a device"]);
        };
        let solve = ["solve", "--lambda2", "0", "--out", "A.npy"];
        let with = |others: &[&'static str]| [&solve, others].concat();
        let mut problem = with(&["--lambda1", "0", "--signals", "D.npy", "--dictionary"]);
        problem.push(name);
        run(&problem);
        let mut problem = with(&["--lambda1", "0", "--dictionary", "D.npy", "--signals"]);
        problem.push(name);
        run(&problem);
        let mut problem = with(&["--dictionary", "D.npy", "--signals", "D.npy", "--lambda1"]);
        problem.push(name);
        run(&problem);
        run(&["predict", "--model", "M", "--logits", "Z", "--images", name]);
        let gradients = ["gradients", "--model", "M", "--out", "G", "--images"];
        run(&[&gradients, &[name, "--labels", "D.npy"][..]].concat());
        run(&[&gradients, &["X.npy", "--labels", name][..]].concat());
        run(&["inspect", "--model", name]);
        run(&["train", "--config", name, "--out", "other"]);
        link(&at(name), &at("run/config.toml"));
        run(&["report", "run"]);
    }
    assert!(!at("other").exists());
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) {
    let _ = std::fs::remove_file(at);
    std::os::unix::fs::symlink(to, at).unwrap();
}

/// Settings files are limited in size.
#[test]
fn overlong_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.toml");
    std::fs::write(&path, "# a comment\n".repeat(100_000)).unwrap();
    let train = || {
        let mut command = scn();
        command
            .current_dir(folder.path())
            .args(["train", "--config", "long.toml"]);
        command
    };
    refused(&mut train(), &["long.toml", "at most 1048576 bytes"]);
    std::fs::write(&path, b"seed = 1 # \xff").unwrap();
    refused(&mut train(), &["long.toml", "UTF-8 text"]);
    std::fs::write(&path, format!("seed = \"{}\"", "x".repeat(100_000))).unwrap();
    refused(&mut train(), &["long.toml"]);
}

#[test]
fn too_many_threads_are_refused() {
    refused(
        scn()
            .args(["--threads", "65535", "solve", "--out", "A.npy"])
            .args(["--dictionary", "D.npy", "--signals", "X.npy"]),
        &["cannot start the threads: expected at most", "found 65535"],
    );
    refused(
        scn()
            .env("RAYON_NUM_THREADS", "65000")
            .args(["train", "--out", "never"]),
        &["cannot start the threads: expected at most", "found 65000"],
    );
}

/// Each of these sizes is computed from arguments or from the header of a file.
#[test]
fn work_that_exceeds_memory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |arguments: &[&str], says: &str| {
        let mut command = scn();
        command
            .current_dir(folder.path())
            .args(["--quiet"])
            .args(arguments);
        refused(&mut command, &[says, " would take ", " of memory, but "]);
    };
    write_array(&at("D.npy"), &[1, 4_000_000], &vec![1.0_f32; 4_000_000]);
    write_array(&at("X.npy"), &[1, 1], &[1.0_f32]);
    let problem = ["--dictionary", "D.npy", "--signals", "X.npy"];
    for penalty in [&["--lambda1", "1"][..], &["--atoms", "2"]] {
        let solve = [&["solve", "--out", "A.npy"], penalty, &problem].concat();
        run(&solve, "the Gram matrix would take 64.0 TB");
    }
    assert!(!at("A.npy").exists());

    for what in ["solve", "adjoint"] {
        let bench = ["bench", what, "--shape", "4x4", "--columns", "100000000000"];
        run(&bench, "the problem");
        run(
            &["bench", what, "--shape", "1048576x1048576"],
            "the problem",
        );
    }
    for what in ["train", "infer"] {
        for size in ["1000000000000", "10000000000000000000"] {
            let bench = ["bench", what, "--preset", "digits", "--batch-size", size];
            run(&bench, "the images of all batches");
        }
    }
    let wide = "network.layers=[{atoms=65536},{atoms=65536}]";
    let window = "network.window=255";
    let bench = [
        "bench", "infer", "--preset", "digits", "--set", wide, "--set", window,
    ];
    run(&bench, "the network");
    run(
        &["train", "--set", wide, "--set", window, "--out", "never"],
        "the network",
    );
}

/// Standard output is a full disk: printing fails, and the command reports it.
#[cfg(target_os = "linux")]
#[test]
fn failing_to_print_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let full = |arguments: &[&str]| {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = std::process::Command::new(assert_cmd::cargo::cargo_bin!("scn"))
            .args(arguments)
            .env_remove("SCN_DATA")
            .current_dir(folder.path())
            .stdout(full)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(
            error.starts_with("error: cannot write to standard output: ")
                && error.lines().count() == 1,
            "{arguments:?}: {error}"
        );
    };
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["help", "train"],
        &["solve", "-h"],
        &["solve", "--version"],
        &["completions", "bash"],
        &["man", "pages"],
        &["data", "check", "digits"],
        &["data", "check", "digits", "--json"],
        &["init", "--preset", "digits", "--out", "M"],
        &["inspect", "--model", "M"],
        &["device"],
        &["bench", "solve", "--shape", "4x4", "--columns", "10"],
        &["bench", "adjoint", "--shape", "4x4", "--columns", "10"],
    ] {
        full(arguments);
    }
}
