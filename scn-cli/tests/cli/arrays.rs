//! NumPy arrays as arguments: valid types, shapes and orders, and hostile bytes.

use std::path::Path;

use approx::{abs_diff_eq, assert_abs_diff_eq};
use predicates::prelude::*;

use crate::mistakes::fails;
use crate::{read_array, scn, write_array};

/// Writes an array file of version 1 with an arbitrary header.
fn write_raw(path: &Path, header: &str, values: &[u8]) {
    let length = (header.len() as u16).to_le_bytes();
    let bytes = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat();
    std::fs::write(path, bytes).unwrap();
}

fn header(kind: &str, shape: &str) -> String {
    format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n")
}

/// Solves for codes over two orthonormal atoms without a penalty: the codes equal the signals.
fn solve(folder: &Path, dictionary: &str, signals: &str) -> assert_cmd::Command {
    let mut command = scn();
    command
        .current_dir(folder)
        .args([
            "solve",
            "--lambda1",
            "0",
            "--lambda2",
            "0",
            "--out",
            "A.npy",
        ])
        .args(["--dictionary", dictionary, "--signals", signals]);
    command
}

#[test]
fn numbers_of_all_types_are_solved_in_f4_or_f8() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_array(&at("D4.npy"), &[2, 2], &[1.0, 0.0, 0.0, 1.0_f32]);
    write_array(&at("D8.npy"), &[2, 2], &[1.0, 0.0, 0.0, 1.0_f64]);
    write_array(&at("D1.npy"), &[2, 2], &[1, 0, 0, 1_u8]);
    let signals = [3_u8, 1, 0, 2];
    write_array(&at("X1.npy"), &[2, 2], &signals);
    write_array(&at("X4.npy"), &[2, 2], &signals.map(f32::from));
    write_array(&at("X8.npy"), &[2, 2], &signals.map(f64::from));
    write_array(&at("Xi.npy"), &[2, 2], &signals.map(i64::from));
    // Half precision: 3, 1, 0, 2.
    let halves = [0, 0x42, 0, 0x3c, 0, 0, 0, 0x40];
    write_raw(&at("X2.npy"), &header("<f2", "(2L, 2L)"), &halves);
    let expected = [3.0, 1.0, 0.0, 2.0];
    for (dictionary, signals, wide) in [
        ("D4.npy", "X1.npy", false),
        ("D4.npy", "X2.npy", false),
        ("D1.npy", "X1.npy", false),
        ("D4.npy", "X4.npy", false),
        ("D4.npy", "X8.npy", true),
        ("D8.npy", "X4.npy", true),
        ("D1.npy", "Xi.npy", true),
    ] {
        solve(folder.path(), dictionary, signals).assert().success();
        let codes = if wide {
            read_array::<f64>(&at("A.npy")).1
        } else {
            let codes = read_array::<f32>(&at("A.npy")).1;
            codes.into_iter().map(f64::from).collect()
        };
        for (code, expected) in codes.iter().zip(expected) {
            assert!(
                abs_diff_eq!(*code, expected, epsilon = 1e-4),
                "{dictionary} {signals}: {codes:?}"
            );
        }
    }
    // An array with one axis is a single signal, and λ1 may have any numeric type.
    write_array(&at("x.npy"), &[2], &[3.0, 0.5_f32]);
    write_array(&at("L.npy"), &[2], &[1, 0_u8]);
    let mut command = solve(folder.path(), "D4.npy", "x.npy");
    command.args(["--signed"]).assert().success();
    assert_eq!(read_array::<f32>(&at("A.npy")).0, [2, 1]);
    let mut command = scn();
    command
        .current_dir(folder.path())
        .args([
            "solve",
            "--lambda1",
            "L.npy",
            "--lambda2",
            "0",
            "--out",
            "A.npy",
        ])
        .args(["--dictionary", "D4.npy", "--signals", "x.npy"]);
    command.assert().success();
    let (_, codes) = read_array::<f32>(&at("A.npy"));
    assert_abs_diff_eq!(codes[..], [2.0, 0.5][..], epsilon = 1e-4);
}

#[test]
fn hostile_headers_give_one_line_errors() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_array(&at("D.npy"), &[2, 2], &[1.0, 0.0, 0.0, 1.0_f32]);
    let bad = at("X.npy");
    for (header, says) in [
        (
            header("<f4", "(4294967296, 4294967296)"),
            "must hold 1844674407370",
        ),
        (header("<f4", "(9223372036854775807, 2)"), "must hold"),
        (
            header("<c8", "(2, 2)"),
            "must hold numbers of type f2, f4, f8",
        ),
        (
            header(&"y".repeat(60_000), "(2, 2)"),
            "must hold numbers of type f2, f4, f8",
        ),
        (
            header("<f4", &format!("({})", "1, ".repeat(20_000))),
            "at most 64 axes",
        ),
        (
            header("<f4", &"(".repeat(60_000)),
            "header of a numpy array",
        ),
        ("(".repeat(36), "header of a numpy array"),
        (
            header("<f4", "(0, 3, 4)"),
            "expected an array [m, P], found shape [0, 3, 4]",
        ),
    ] {
        write_raw(&bad, &header, &[]);
        fails(
            &mut solve(folder.path(), "D.npy", "X.npy"),
            &["X.npy", says],
        );
    }
    // The header claims to be four gigabytes long.
    std::fs::write(&bad, b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'").unwrap();
    fails(
        &mut solve(folder.path(), "D.npy", "X.npy"),
        &["a header of at most 65535 bytes", "4294967295"],
    );
    // A very long path is shortened in the middle.
    let mut command = solve(
        folder.path(),
        "D.npy",
        &format!("{}X.npy", "./".repeat(1000)),
    );
    fails(
        &mut command,
        &["error: ./", " ... ", "but holds one with 4294967295"],
    );
}

/// Shapes are compared before memory is allocated for results.
#[test]
fn images_and_labels_are_checked_against_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    scn()
        .args(["init", "--preset", "digits", "--out"])
        .arg(at("M"))
        .assert()
        .success();
    let predict = |images: &str| {
        let mut command = scn();
        command.current_dir(folder.path()).args([
            "predict", "--model", "M", "--logits", "Z.npy", "--images", images,
        ]);
        command
    };
    write_raw(
        &at("none.npy"),
        &header("<f4", "(1000000000000000, 0, 8, 8)"),
        &[],
    );
    fails(
        &mut predict("none.npy"),
        &["none.npy: expected images of shape [1, 8, 8], found [0, 8, 8]"],
    );
    write_array(&at("bytes.npy"), &[1, 1, 8, 8], &[1_u8; 64]);
    fails(
        &mut predict("bytes.npy"),
        &["bytes.npy: expected preprocessed images", "found pixels"],
    );
    assert!(!at("Z.npy").exists());
    write_array(&at("X4.npy"), &[2, 1, 8, 8], &[0.5_f32; 128]);
    write_array(&at("X8.npy"), &[2, 1, 8, 8], &[0.5_f64; 128]);
    // Half precision: 0.5.
    write_raw(
        &at("X2.npy"),
        &header("<f2", "(2, 1, 8, 8)"),
        &[0, 0x38].repeat(128),
    );
    let logits = |images: &str| {
        predict(images).assert().success();
        read_array::<f32>(&at("Z.npy"))
    };
    assert_eq!(logits("X2.npy"), logits("X4.npy"));
    assert_eq!(logits("X8.npy"), logits("X4.npy"));

    write_array(&at("y1.npy"), &[2], &[3, 7_u8]);
    write_array(&at("y4.npy"), &[2], &[3, 7_i32]);
    write_array(&at("y8.npy"), &[2], &[3, 7_i64]);
    write_array(&at("floats.npy"), &[2], &[3.0, 7.0_f32]);
    write_array(&at("three.npy"), &[3], &[3, 7, 0_u8]);
    let gradients = |labels: &str| {
        let mut command = scn();
        command
            .current_dir(folder.path())
            .args([
                "gradients",
                "--model",
                "M",
                "--images",
                "X4.npy",
                "--out",
                "G",
            ])
            .args(["--labels", labels]);
        command
    };
    let file = |labels: &str| {
        gradients(labels).assert().success();
        std::fs::read(at("G")).unwrap()
    };
    assert_eq!(file("y1.npy"), file("y8.npy"));
    assert_eq!(file("y4.npy"), file("y8.npy"));
    fails(
        &mut gradients("floats.npy"),
        &["floats.npy must hold integer labels"],
    );
    fails(
        &mut gradients("three.npy"),
        &["three.npy: expected 2 labels", "found 3"],
    );
}

#[test]
fn a_mistyped_number_is_not_taken_for_a_file() {
    let folder = tempfile::tempdir().unwrap();
    write_array(&folder.path().join("L"), &[2], &[0.1, 0.2_f64]);
    let solve = |lambda1: &str| {
        let mut command = scn();
        command
            .current_dir(folder.path())
            .args([
                "solve",
                "--lambda1",
                lambda1,
                "--lambda2",
                "0",
                "--out",
                "A.npy",
            ])
            .args(["--dictionary", "D.npy", "--signals", "X.npy"]);
        command.assert()
    };
    let says = |part: &'static str| predicate::str::contains(part);
    solve("0,1")
        .code(2)
        .stderr(says("invalid value '0,1'"))
        .stderr(says(
            "such as 0.1 or 1e-3 (with a decimal point), or a file .npy [n]",
        ));
    solve("tenth").code(2).stderr(says("expected a number"));
    // These are file names, whether or not the files exist.
    for name in ["L", "none.npy", "NONE.NPY"] {
        solve(name).code(1).stderr(says("D.npy"));
    }
    for arguments in [
        &["solve", "--lambda2", "0,1"][..],
        &["solve", "--tolerance", "1e-3,5"],
        &["solve", "--residual", "0,1"],
        &["bench", "solve", "--active", "0,5"],
        &["bench", "adjoint", "--adjoint-tolerance", "0,5"],
        &["bench", "train", "--part", "0,5"],
        &["evaluate", "--noise", "0,5"],
        &["evaluate", "--lambda1-scale", "0,5"],
        &["gradients", "--tolerance", "0,5"],
    ] {
        scn()
            .args(arguments)
            .assert()
            .code(2)
            .stderr(says("with a decimal point"));
    }
    // Long arguments are quoted shortened, on one line.
    let long = "9,".repeat(5000);
    let answer = scn().args(["solve", "--lambda2", &long]).assert().code(2);
    let error = String::from_utf8(answer.get_output().stderr.clone()).unwrap();
    assert!(
        error.lines().all(|line| line.chars().count() <= 300),
        "{error}"
    );
    assert!(error.contains("with a decimal point"), "{error}");
}
