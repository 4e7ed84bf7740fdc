//! Options of all commands: `--threads` and `--device`.

use std::collections::BTreeSet;

use crate::mistakes::fails;
use crate::shell::commands;
use crate::{json, scn};

/// Minimal arguments of each command, and whether it only runs on the CPU.
const COMMANDS: [(&str, bool); 23] = [
    ("train", false),
    ("presets", true),
    ("evaluate --model M", false),
    ("predict --model M picture.png", false),
    ("encode --model M --layer 0 --out F", false),
    ("inspect --model M", true),
    ("report run", false),
    ("reproduce table3", false),
    ("init --preset digits --out M", true),
    (
        "gradients --model M --images X --labels y --out G.safetensors",
        false,
    ),
    (
        "solve --dictionary D --signals X --lambda1 1 --lambda2 0 --out A",
        true,
    ),
    ("learn --signals X --atoms 4 --lambda1 1 --out D", true),
    (
        "reconstruct --dictionary D --codes A --signals X --patches 8x8 --out Y.npy",
        true,
    ),
    ("bench solve", true),
    ("bench adjoint", true),
    ("bench train", false),
    ("bench infer", false),
    ("bench exchange", true),
    ("data fetch mnist", true),
    ("data check mnist", true),
    ("device", true),
    ("completions bash", true),
    ("man pages", true),
];

/// Returns the name of a command of [`COMMANDS`].
fn name(arguments: &str) -> String {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    match words[0] {
        "bench" | "data" => words[..2].join(" "),
        first => first.to_string(),
    }
}

#[test]
fn every_command_is_listed_here() {
    let mut there = BTreeSet::new();
    for first in commands(&[]) {
        let below = commands(&[&first]);
        if below.is_empty() {
            there.insert(first);
        } else {
            there.extend(below.iter().map(|below| format!("{first} {below}")));
        }
    }
    let here = COMMANDS.iter().map(|(arguments, _)| name(arguments));
    assert_eq!(here.collect::<BTreeSet<_>>(), there);
}

/// A command that cannot use a device refuses it before it does anything else.
#[test]
fn a_device_is_never_silently_ignored() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, processor_alone) in COMMANDS {
        let mut command = scn();
        command.current_dir(folder.path());
        // No machine has that many devices. A command that could use one names the driver, or its
        // absence.
        command.args(arguments.split_whitespace());
        command.args(["--device", "cuda:77"]);
        let refused = format!(
            "scn {} runs on the CPU only, not on cuda:77",
            name(arguments)
        );
        if processor_alone {
            fails(&mut command, &[&refused]);
        } else {
            let assert = command.assert().code(1).stdout("");
            let error = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
            assert_eq!(error.lines().count(), 1, "{arguments}: {error}");
            assert!(!error.contains(&refused), "{arguments}: {error}");
            let of_cuda = error.contains("CUDA") || error.contains("device");
            assert!(of_cuda, "{arguments}: {error}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Every command refuses more threads than possible, even with a GPU.
#[test]
fn the_number_of_threads_is_always_checked() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, processor_alone) in COMMANDS {
        for device in ["cpu", "cuda:77"] {
            if processor_alone && device != "cpu" {
                continue;
            }
            let mut command = scn();
            command.current_dir(folder.path());
            command.args(arguments.split_whitespace());
            command.args(["--threads", "65000", "--device", device]);
            fails(
                &mut command,
                &["cannot start the threads: expected at most", "found 65000"],
            );
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    for threads in [1, 3] {
        let count = threads.to_string();
        let found = json(scn().args(["device", "--device", "cpu", "--threads", &count]));
        assert_eq!(found["cpu"]["threads"], threads);
    }
}
