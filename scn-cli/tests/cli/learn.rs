//! `scn learn`.

use std::path::Path;

use assert_cmd::Command;

use crate::mistakes::fails;
use crate::{json, noise, read_array, scn, tensorboard, write_array};

/// Returns sparse, nonnegative combinations of 16 patterns: the columns of a Hadamard matrix times
/// 1/4.
fn patterns(columns: usize) -> Vec<f64> {
    let pattern = |i: usize, j: usize| 0.25 * f64::from(1 - 2 * ((i & j).count_ones() as i32 % 2));
    let mut values = vec![0.0; 16 * columns];
    for k in 0..columns {
        for which in 0..1 + k % 2 {
            let j = (noise(2 * k + which) * 16.0) as usize;
            let size = 1.0 + noise(9_000_000 + 2 * k + which);
            for i in 0..16 {
                values[i * columns + k] += size * pattern(i, j);
            }
        }
    }
    values
}

pub(crate) fn learn(folder: &Path, arguments: &str) -> Command {
    let mut command = scn();
    command
        .current_dir(folder)
        .arg("learn")
        .args(arguments.split(' '));
    command
}

pub(crate) fn write_signals(folder: &Path, columns: usize) {
    let values = patterns(columns);
    write_array(&folder.join("X64.npy"), &[16, columns as u64], &values);
    let narrow: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    write_array(&folder.join("X.npy"), &[16, columns as u64], &narrow);
}

#[test]
fn patterns_are_found_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_signals(folder.path(), 4000);
    let arguments = "--signals X.npy --atoms 20 --lambda1 0.1 --tolerance 1e-5 --out D.npy";
    let mut command = learn(folder.path(), arguments);
    let report = json(command.args(["--atoms-picture", "D.png"]));
    assert_eq!(report["stop"], "converged");
    assert_eq!(
        (&report["signals"], &report["held_out"]),
        (&3600.into(), &400.into())
    );
    assert_eq!(
        (&report["rows"], &report["atoms"]),
        (&16.into(), &20.into())
    );
    let measured = report["measurements"].as_array().unwrap();
    assert_eq!(measured.last().unwrap()["objective"], report["objective"]);
    let (shape, values) = read_array::<f32>(&at("D.npy"));
    assert_eq!(shape, [16, 20]);
    let entry = |i: usize, j: usize| f64::from(values[i * 20 + j]);
    let norms = (0..20).map(|j| (0..16).map(|i| entry(i, j).powi(2)).sum::<f64>().sqrt());
    assert!(norms.clone().all(|norm| norm <= 1.0 + 1e-6));
    for pattern in 0..16 {
        let sign = |i: usize| f64::from(1 - 2 * ((i & pattern).count_ones() as i32 % 2));
        let cosine = |j: usize| (0..16).map(|i| 0.25 * sign(i) * entry(i, j)).sum::<f64>();
        let nearest = (0..20).map(cosine).fold(-1.0, f64::max);
        assert!(nearest > 0.99, "{pattern}: {nearest}");
    }
    let picture = image::open(at("D.png")).unwrap();
    // Five by four atoms of 4 x 4 pixels, enlarged 12 times, with gaps of 6.
    assert_eq!(
        (picture.width(), picture.height()),
        (5 * 54 + 6, 4 * 54 + 6)
    );

    // The objective of the held-out signals is close to that of all signals, computed from the
    // codes of scn solve.
    let mut solve = scn();
    solve
        .current_dir(folder.path())
        .args("solve --dictionary D.npy --signals X.npy --lambda2 0".split(' '));
    let solved = json(solve.args(["--lambda1", "0.1", "--out", "A.npy"]));
    assert_eq!(solved["status"], "converged");
    let (_, codes) = read_array::<f32>(&at("A.npy"));
    let (_, signals) = read_array::<f32>(&at("X.npy"));
    let mut objective = 0.0;
    for k in 0..4000 {
        for i in 0..16 {
            let fit: f64 = (0..20)
                .map(|j| entry(i, j) * f64::from(codes[j * 4000 + k]))
                .sum();
            objective += 0.5 * (f64::from(signals[i * 4000 + k]) - fit).powi(2);
        }
        objective += (0..20)
            .map(|j| 0.1 * f64::from(codes[j * 4000 + k]))
            .sum::<f64>();
    }
    let (found, mean) = (report["objective"].as_f64().unwrap(), objective / 4000.0);
    // Only 400 signals, half of them of one pattern and half of two.
    assert!((found / mean - 1.0).abs() < 0.1, "{found} {mean}");
}

#[test]
fn every_option_has_an_effect() {
    let folder = tempfile::tempdir().unwrap();
    write_signals(folder.path(), 300);
    let learned = |more: &str| {
        let epochs = if more.contains("--epochs") {
            ""
        } else {
            " --epochs 2"
        };
        let arguments = format!("--signals X64.npy --lambda1 0.1 --out D.npy {more}{epochs}");
        let report = json(&mut learn(folder.path(), &arguments));
        (report, read_array::<f64>(&folder.path().join("D.npy")).1)
    };
    let (report, plain) = learned("--atoms 6");
    assert_eq!(
        (&report["held_out"], &report["steps"]),
        (&0.into(), &2.into())
    );
    for other in [
        "--atoms 6 --signed",
        "--atoms 6 --lambda2 0.5",
        "--atoms 6 --seed 1",
        "--atoms 6 --start random",
        "--atoms 6 --batch-size 50",
        "--atoms 6 --alternating",
        "--atoms 6 --held-out 100",
        "--atoms 6 --code-tolerance 0.3",
    ] {
        assert_ne!(learned(other).1, plain, "{other}");
    }
    assert_ne!(
        learned("--atoms 6 --batch-size 50 --forgetting 0").1,
        learned("--atoms 6 --batch-size 50").1
    );
    let (_, nonnegative) = learned("--atoms 6 --nonnegative-atoms --unit-norm");
    assert!(nonnegative.iter().all(|&entry| entry >= 0.0));
    for j in 0..6 {
        let norm: f64 = (0..16).map(|i| nonnegative[i * 6 + j].powi(2)).sum();
        assert!((norm - 1.0).abs() < 1e-14);
    }
    // A dictionary to start from, unchanged after zero epochs.
    write_array(&folder.path().join("S.npy"), &[16, 2], &[0.25_f32; 32]);
    let (report, start) = learned("--start S.npy --epochs 0");
    assert_eq!(
        (&report["atoms"], &report["objective"]),
        (&2.into(), &serde_json::Value::Null)
    );
    assert_eq!(start, [0.25; 32]);
    let (report, _) = learned("--atoms 6 --tolerance 0 --seconds 0 --epochs 1000");
    assert_eq!(
        (&report["stop"], &report["steps"]),
        (&"seconds".into(), &1.into())
    );
}

#[test]
fn text_output_shows_measurements_and_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    write_signals(folder.path(), 1200);
    let arguments = "--signals X.npy --atoms 16 --lambda1 0.1 --epochs 2 --tolerance 0 --out D.npy";
    let assert = learn(folder.path(), arguments)
        .assert()
        .success()
        .stderr("");
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3 + 5, "{text}");
    assert!(
        lines[0].contains("held out") && lines[1].contains("1,080") && lines[2].contains("2,160")
    );
    assert!(
        lines[3].starts_with("epoch limit reached: 2 epochs, 6 steps in "),
        "{text}"
    );
    assert!(lines[4].contains("per signal, on 120 held out"), "{text}");
    assert_eq!(lines[7], "dictionary     D.npy");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn errors_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_signals(folder.path(), 100);
    let refused = |arguments: &str, says: &[&str]| {
        fails(&mut learn(folder.path(), arguments), says);
        assert!(!at("D.npy").exists() && !at("D.png").exists());
    };
    let with = |more: &str| format!("--lambda1 0.1 --out D.npy {more}");
    let mut values = [0.5_f32; 64];
    values[5] = f32::NAN;
    write_array(&at("N.npy"), &[16, 4], &values);
    refused(
        &with("--atoms 3 --signals N.npy"),
        &["N.npy: expected finite numbers, found NaN at [1, 1]"],
    );
    // Its square overflows f32. The message numbers it among all signals, including those held out.
    let mut values = [0.5_f32; 16 * 60];
    values[59] = 1e30;
    write_array(&at("L.npy"), &[16, 60], &values);
    refused(
        &with("--atoms 3 --signals L.npy --held-out 20"),
        &["L.npy: signals must have a finite squared norm, but the norm of signal 59 is 1"],
    );
    write_array(&at("V.npy"), &[16], &[0.5_f32; 16]);
    refused(
        &with("--atoms 3 --signals V.npy"),
        &["V.npy: expected an array [m, P], found shape [16]"],
    );
    write_array(&at("E.npy"), &[16, 0], &[0.5_f32; 0]);
    refused(
        &with("--atoms 3 --signals E.npy"),
        &["E.npy: expected signals [m, P], found shape [16, 0]"],
    );
    write_array(&at("S.npy"), &[15, 2], &[0.5_f32; 30]);
    refused(
        &with("--start S.npy --signals X.npy"),
        &["S.npy: expected atoms of 16 entries, like the signals, found 15"],
    );
    refused(
        &with("--atoms 3 --signals X.npy --held-out 100"),
        &["--held-out 100: expected fewer than the 100 signals of X.npy"],
    );
    refused(
        &with("--atoms 3 --signals S.npy --atoms-picture D.png"),
        &[
            "S.npy: expected signals of w x w or 3 x w x w pixels",
            "found 15 entries",
        ],
    );
    refused(
        &with("--start samples --signals X.npy"),
        &["expected --atoms, or --start with a dictionary"],
    );
    refused(
        "--lambda1 -1 --atoms 3 --signals X.npy --out D.npy",
        &["lambda1 must be finite and at least 0, but is -1"],
    );
    refused(
        &with("--atoms 3 --signals X.npy --code-tolerance 0"),
        &["--code-tolerance: the tolerance must be"],
    );
    refused(
        "--lambda1 1 --atoms 3 --signals X.npy --out X.npy/D.npy",
        &["cannot write X.npy/D.npy"],
    );
    refused(
        "--signals X.npy --out D.npy --resume",
        &["cannot read D.state.safetensors"],
    );
    for arguments in [
        "--signals X.npy --out D.npy --lambda1 1",
        "--signals X.npy --out D.npy --atoms 3",
        "--signals X.npy --out D.npy --resume --atoms 3",
        "--signals X.npy --out D.npy --lambda1 1 --atoms 0",
        "--signals X.npy --out D.npy --lambda1 1 --atoms 3 --alternating --batch-size 5",
    ] {
        learn(folder.path(), arguments).assert().code(2);
    }
}

/// Checks the steps of every tag: batches every 20 steps, and measurements every epoch of 25 steps,
/// for a resumed run and for one that replaces it.
#[test]
fn learning_writes_tensorboard_events() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events/learned");
    write_signals(folder.path(), 500);
    let begin = "--signals X.npy --atoms 6 --lambda1 0.1 --tolerance 0 --batch-size 20 --out D.npy --tensorboard events/learned";
    for _ in 0..2 {
        let arguments = format!("{begin} --epochs 2");
        learn(folder.path(), &arguments).assert().success();
        let told = tensorboard::events(&events);
        assert_eq!(told.len(), 1);
        assert_eq!(tensorboard::count(&told[0], "code_tolerance"), 1);
        // Images of atoms of 4 x 4 pixels.
        assert_eq!(tensorboard::count(&told[0], "PNG"), 2);
    }
    // An event file of a training run in the same folder.
    let other = events.join("events.out.tfevents.1700000000.scn.9");
    std::fs::write(&other, "").unwrap();
    let resume = "--signals X.npy --out D.npy --resume --epochs 3 --tensorboard events/learned";
    learn(folder.path(), resume).assert().success();
    assert_eq!(tensorboard::events(&events).len(), 3);
    let batches = ["batch/objective", "batch/active", "signals_per_second"];
    let measured = ["objective", "atoms/used", "atoms/replaced", "atoms"];
    let batches = batches.map(|tag| (tag.to_string(), vec![20, 40, 60]));
    let measured = measured.map(|tag| (tag.to_string(), vec![25, 50, 75]));
    let config = [("config".to_string(), vec![0])];
    let expected = batches.into_iter().chain(measured).chain(config).collect();
    assert_eq!(tensorboard::steps_by_tag(&events), expected);
    learn(folder.path(), &format!("{begin} --epochs 1"))
        .assert()
        .success();
    assert!(other.exists());
    assert_eq!(tensorboard::events(&events).len(), 2);
    // Signals that are not square have no images.
    write_array(&folder.path().join("S.npy"), &[15, 4], &[0.5_f32; 60]);
    let odd = "--signals S.npy --atoms 2 --lambda1 0.1 --epochs 1 --out S.D.npy --tensorboard odd";
    learn(folder.path(), odd).assert().success();
    let told = tensorboard::events(&folder.path().join("odd"));
    assert_eq!(tensorboard::count(&told[0], "PNG"), 0);
    assert_eq!(tensorboard::count(&told[0], "atoms/used"), 1);
    std::fs::write(folder.path().join("file"), "").unwrap();
    fails(
        &mut learn(
            folder.path(),
            "--signals X.npy --atoms 6 --lambda1 0.1 --out E.npy --tensorboard file",
        ),
        &["cannot create file"],
    );
}
