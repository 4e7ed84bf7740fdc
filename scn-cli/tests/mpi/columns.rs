//! Codes and dictionaries of many signals.

use std::path::Path;

use scn_data::format::npy::Float;

use crate::{differing, done, errors, result, scn, shared, turn};

/// Returns a row-major matrix of numbers around zero.
fn matrix([rows, columns]: [usize; 2], mut state: u32) -> Vec<f32> {
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    std::iter::repeat_with(next).take(rows * columns).collect()
}

fn write(path: &Path, shape: [usize; 2], numbers: &[f32]) {
    let mut bytes = f32::KIND.head(&shape, false);
    f32::append(numbers, &mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Writes a dictionary of 30 atoms, the given number of signals in columns and in rows, and a Gram
/// matrix with correlations.
fn made(folder: &Path, signals: usize) {
    let at = |name: &str| folder.join(name);
    write(&at("D.npy"), [12, 30], &matrix([12, 30], 1));
    write(&at("E.npy"), [12, 30], &matrix([12, 30], 2));
    write(&at("X.npy"), [12, signals], &matrix([12, signals], 3));
    write(&at("R.npy"), [signals, 12], &matrix([signals, 12], 4));
    let diagonal = |index: usize| if index.is_multiple_of(31) { 1.0 } else { 0.0 };
    let gram: Vec<f32> = (0..900).map(diagonal).collect();
    write(&at("H.npy"), [30, 30], &gram);
    write(&at("C.npy"), [30, signals], &matrix([30, signals], 5));
}

/// Covers columns and rows, dense and sparse codes, penalties and pursuits.
#[test]
fn codes_equal_those_of_one_process() {
    let Some(_turn) = turn() else { return };
    let all = [
        "--dictionary D.npy --signals X.npy --lambda1 0.1 --certify",
        "--dictionary D.npy --signals R.npy --rows --lambda1-fraction 0.3 --signed",
        "--dictionary D.npy --signals X.npy --lambda1-fraction 0.3 --sparse",
        "--dictionary D.npy --signals R.npy --rows --lambda1 0.1 --sparse",
        "--gram H.npy --correlations C.npy --lambda1 0.1",
        "--dictionary D.npy --signals X.npy --atoms 3",
        // Few columns reach the tolerance.
        "--dictionary D.npy --signals X.npy --lambda1 0.01 --solver coordinate-descent --max-passes 3 --allow-unconverged",
    ];
    for (signals, processes) in [(700, 2), (700, 3), (50, 4), (0, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        made(folder, signals);
        for arguments in &all[..if processes == 3 { all.len() } else { 3 }] {
            let solve = |out: &str| format!("solve {arguments} --threads 1 --json --out {out}");
            let alone = done(scn(&solve("alone")).current_dir(folder));
            let together = done(&mut shared(processes, &solve("together"), folder));
            let case = format!("{signals} signals, {processes} processes: {arguments}");
            assert_eq!(result(&together), result(&alone), "{case}");
            let [alone, together] =
                ["alone", "together"].map(|out| std::fs::read(folder.join(out)));
            assert!(alone.unwrap() == together.unwrap(), "{case}");
        }
        // No other files are left.
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 8);
    }
}

#[test]
fn unconverged_codes_are_reported_once() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    made(folder, 300);
    let solve = "solve --dictionary D.npy --signals X.npy --lambda1 0.01 --solver coordinate-descent --max-passes 2 --out A.npy";
    let output = shared(2, solve, folder).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let alone = scn(solve).current_dir(folder).output().unwrap();
    assert_eq!(errors(&output), errors(&alone));
    assert_eq!(errors(&output).len(), 1);
}

#[test]
fn differing_problems_are_detected_and_nothing_is_written() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    made(folder, 300);
    let solve = "solve --dictionary D.npy --signals X.npy --lambda1 0.1 --out A.npy";
    for (other, expected) in [
        (
            "--dictionary E.npy",
            "have different dictionaries or penalties",
        ),
        ("--signals D.npy", "have different numbers of signals"),
    ] {
        let name = other.split(' ').next().unwrap();
        let own = solve
            .split(' ')
            .skip_while(|word| *word != name)
            .nth(1)
            .unwrap();
        let second = solve.replace(&format!("{name} {own}"), other);
        let errors = errors(&differing(solve, &second, folder));
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].contains("process 1 on ") && errors[0].ends_with(expected),
            "{errors:?}"
        );
    }
    // Several processes do not write to something that is not a regular file.
    let output = shared(2, &solve.replace("A.npy", "/dev/null"), folder)
        .output()
        .unwrap();
    assert_eq!(
        errors(&output),
        [
            "error: /dev/null: expected a regular file, which several processes can write to, found something else"
        ]
    );
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 6);
}

#[test]
fn dictionaries_equal_those_of_one_process() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    made(folder, 1200);
    let learn = "learn --signals X.npy --threads 1 --json";
    let fresh = format!("{learn} --atoms 30 --lambda1 0.1 --batch-size 200 --tolerance 0");
    let alone = format!("{fresh} --epochs 4 --out alone.npy");
    let alone = result(&done(scn(&alone).current_dir(folder)));
    let three = format!("{fresh} --epochs 4 --out three.npy");
    let three = result(&done(&mut shared(3, &three, folder)));
    for key in ["objective", "active", "steps", "replaced", "unconverged"] {
        assert_eq!(three[key], alone[key], "{key}");
    }
    // Started by two processes, finished by three.
    done(&mut shared(
        2,
        &format!("{fresh} --epochs 1 --out resumed.npy"),
        folder,
    ));
    done(&mut shared(
        3,
        &format!("{learn} --resume --epochs 4 --out resumed.npy"),
        folder,
    ));
    let files = |name: &str| {
        [name.to_string(), name.replace("npy", "state.safetensors")]
            .map(|name| std::fs::read(folder.join(name)).unwrap())
    };
    assert!(files("three.npy") == files("alone.npy"));
    assert!(files("resumed.npy") == files("alone.npy"));

    let other = fresh.replace("X.npy", "C.npy");
    let output = differing(
        &format!("{fresh} --out a.npy"),
        &format!("{other} --out a.npy"),
        folder,
    );
    let errors = errors(&output);
    assert_eq!(errors.len(), 1, "{output:?}");
    let expected = "have different settings, signals or atoms to start from";
    assert!(errors[0].ends_with(expected), "{errors:?}");
}
