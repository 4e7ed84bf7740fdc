//! The state of `scn learn`, and learning that resumes from it.

use std::path::Path;

use predicates::prelude::*;
use safetensors::SafeTensors;

use crate::learn::{learn, write_signals};
use crate::mistakes::fails;
use crate::{json, read_array, write_array};

#[test]
fn resumed_learning_is_bit_identical_to_uninterrupted_learning() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    write_signals(folder.path(), 1500);
    for signals in ["X.npy", "X64.npy"] {
        let settings = format!(
            "--signals {signals} --atoms 24 --lambda1 0.1 --lambda2 0.01 --signed --seed 3 --batch-size 100 --tolerance 0"
        );
        learn(
            folder.path(),
            &format!("{settings} --epochs 5 --out whole.npy --threads 1"),
        )
        .assert()
        .success();
        learn(
            folder.path(),
            &format!("{settings} --epochs 2 --out D.npy --threads 2"),
        )
        .assert()
        .success();
        assert_ne!(at("D.npy"), at("whole.npy"));
        // The tolerance is kept, and the number of epochs is replaced.
        let resume = format!("--signals {signals} --out D.npy --resume --epochs 5");
        let report = json(&mut learn(folder.path(), &resume));
        assert_eq!(
            (&report["stop"], &report["epochs"]),
            (&"epochs".into(), &5.into())
        );
        assert_eq!(report["measurements"].as_array().unwrap().len(), 3);
        assert_eq!(at("D.npy"), at("whole.npy"));
        assert_eq!(at("D.state.safetensors"), at("whole.state.safetensors"));
    }
}

/// Resuming refuses different signals, a damaged state, numbers of a different type, and files that
/// are not states.
#[test]
fn a_state_resumes_only_with_its_own_signals() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_signals(folder.path(), 100);
    learn(
        folder.path(),
        "--signals X.npy --atoms 3 --lambda1 0.1 --epochs 1 --out D.npy",
    )
    .assert()
    .success();
    let before = std::fs::read(at("D.npy")).unwrap();
    let refused = |signals: &str, says: &str| {
        let arguments = format!("--signals {signals} --out D.npy --resume --epochs 2");
        fails(&mut learn(folder.path(), &arguments), &[says]);
        assert_eq!(std::fs::read(at("D.npy")).unwrap(), before);
    };
    refused(
        "X64.npy",
        "D.state.safetensors: expected a state of numbers F64, like the signals, found F32",
    );
    let (_, mut values) = read_array::<f32>(&at("X.npy"));
    values[7] += 1.0;
    write_array(&at("Y.npy"), &[16, 100], &values);
    refused(
        "Y.npy",
        "Y.npy: expected the 100 signals that D.state.safetensors was started with, found others",
    );
    let whole = std::fs::read(at("D.state.safetensors")).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(at("D.state.safetensors"), damaged).unwrap();
    refused("X.npy", "D.state.safetensors: the checksum does not match");
    std::fs::write(at("D.state.safetensors"), &whole[..whole.len() / 2]).unwrap();
    refused("X.npy", "D.state.safetensors");
    std::fs::write(at("D.state.safetensors"), "no state").unwrap();
    refused("X.npy", "D.state.safetensors");
    std::fs::write(at("D.state.safetensors"), whole).unwrap();
    learn(
        folder.path(),
        "--signals X.npy --out D.npy --resume --epochs 2",
    )
    .assert()
    .success()
    .stdout(predicate::str::contains("2 epochs"));
}

/// This also holds if more signals were held out than there are now.
#[test]
fn fewer_signals_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_signals(folder.path(), 100);
    let begin = "--signals X.npy --atoms 3 --lambda1 0.1 --epochs 1 --held-out 50 --out D.npy";
    learn(folder.path(), begin).assert().success();
    write_signals(folder.path(), 20);
    fails(
        &mut learn(folder.path(), "--signals X.npy --out D.npy --resume"),
        &[
            "X.npy: expected the 100 signals that D.state.safetensors was started with, found others",
        ],
    );
}

/// Returns the settings that a state contains.
fn settings(folder: &Path) -> serde_json::Value {
    let bytes = std::fs::read(folder.join("D.state.safetensors")).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let entry = &metadata.metadata().as_ref().unwrap()["scn.learn"];
    serde_json::from_str::<serde_json::Value>(entry).unwrap()["settings"].clone()
}

/// Tolerances and epochs stay as they are until new ones are given; `--seconds` only applies to one
/// call.
#[test]
fn a_state_keeps_its_stopping_criteria() {
    let folder = tempfile::tempdir().unwrap();
    write_signals(folder.path(), 300);
    let begin = "--signals X.npy --atoms 6 --lambda1 0.1 --out D.npy --tolerance 0 --code-tolerance 1e-2 --epochs 3 --seconds 0";
    let report = json(&mut learn(folder.path(), begin));
    assert_eq!(
        (&report["stop"], &report["steps"]),
        (&"seconds".into(), &1.into())
    );
    let kept = |tolerance: f64, code_tolerance: f64, epochs: u64| {
        let found = settings(folder.path());
        assert_eq!(found["tolerance"], tolerance);
        assert_eq!(found["code_tolerance"], code_tolerance);
        assert_eq!(found["epochs"], epochs);
    };
    kept(0.0, 1e-2, 3);
    let resumed = |more: &str| {
        let arguments = format!("--signals X.npy --out D.npy --resume{more}");
        let report = json(&mut learn(folder.path(), &arguments));
        (
            report["stop"].as_str().unwrap().to_string(),
            report["epochs"].as_u64().unwrap(),
        )
    };
    assert_eq!(resumed(""), ("epochs".to_string(), 3));
    kept(0.0, 1e-2, 3);
    assert_eq!(resumed(" --epochs 4"), ("epochs".to_string(), 4));
    kept(0.0, 1e-2, 4);
    // Every improvement is below this tolerance: learning stops after a few measurements, one per
    // epoch.
    let (stop, epochs) = resumed(" --tolerance 0.9 --code-tolerance 1e-4 --epochs 100");
    assert!(stop == "converged" && epochs <= 7, "{stop} {epochs}");
    kept(0.9, 1e-4, 100);
    // It has already converged to the same tolerance, but not to a smaller one.
    assert_eq!(
        resumed(" --tolerance 0.9"),
        ("converged".to_string(), epochs)
    );
    let more = format!(" --tolerance 0 --epochs {}", epochs + 2);
    assert_eq!(resumed(&more), ("epochs".to_string(), epochs + 2));
}

/// A state from before tolerances and epochs were kept resumes with the tolerances of that time.
#[test]
fn an_older_state_is_read() {
    let folder = tempfile::tempdir().unwrap();
    write_signals(folder.path(), 300);
    let begin = "--signals X.npy --atoms 6 --lambda1 0.1 --out D.npy --epochs 2";
    learn(folder.path(), begin).assert().success();
    let path = folder.path().join("D.state.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let (length, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let entry = &metadata.metadata().as_ref().unwrap()["scn.learn"];
    let mut entry: serde_json::Value = serde_json::from_str(entry).unwrap();
    let kept = entry["settings"].as_object_mut().unwrap();
    for name in ["tolerance", "code_tolerance", "epochs"] {
        assert!(kept.remove(name).is_some(), "{name}");
    }
    let mut head: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    head["__metadata__"]["scn.learn"] = entry.to_string().into();
    let head = head.to_string();
    let mut older = (head.len() as u64).to_le_bytes().to_vec();
    older.extend(head.as_bytes());
    older.extend(&bytes[8 + length..]);
    std::fs::write(&path, older).unwrap();
    let resume = "--signals X.npy --out D.npy --resume --epochs 3";
    assert_eq!(json(&mut learn(folder.path(), resume))["epochs"], 3);
    let found = settings(folder.path());
    assert_eq!(
        (&found["tolerance"], &found["code_tolerance"]),
        (&1e-3.into(), &1e-3.into())
    );
}
