use approx::{abs_diff_eq, assert_abs_diff_eq};
use predicates::prelude::*;

use crate::{json, read_array, scn, write_array};

/// The atoms are orthonormal, so each code is (c - λ1) / (1 + λ2), cut off at zero.
#[test]
fn codes_of_orthonormal_atoms_have_a_closed_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let signals = [3.0_f64, -2.0, 0.25, 1.0, 0.5, -4.0, 9.0, 9.0, 9.0];
    write_array(
        &path("D64.npy"),
        &[3, 2],
        &[1.0, 0.0, 0.0, 1.0, 0.0, 0.0_f64],
    );
    write_array(
        &path("D32.npy"),
        &[3, 2],
        &[1.0, 0.0, 0.0, 1.0, 0.0, 0.0_f32],
    );
    write_array(&path("X64.npy"), &[3, 3], &signals);
    write_array(
        &path("X32.npy"),
        &[3, 3],
        &signals.map(|value| value as f32),
    );
    for (bits, tolerance) in [("64", 1e-9), ("32", 1e-5)] {
        for solver in [
            "auto",
            "coordinate-descent",
            "fista",
            "fista-without-restart",
            "fista-with-backtracking",
            "ista",
            "admm",
            "lars",
            "active-set",
        ] {
            for signed in [false, true] {
                let mut command = scn();
                command.args([
                    "solve",
                    "--lambda1",
                    "0.5",
                    "--lambda2",
                    "0.25",
                    "--solver",
                    solver,
                ]);
                command
                    .arg("--dictionary")
                    .arg(path(&format!("D{bits}.npy")));
                command
                    .arg("--signals")
                    .arg(path(&format!("X{bits}.npy")))
                    .arg("--out")
                    .arg(path("A.npy"));
                if signed {
                    command.arg("--signed");
                }
                let report = json(&mut command);
                assert_eq!(
                    (&report["solver"], &report["status"]),
                    (&solver.into(), &"converged".into())
                );
                assert_eq!(
                    (&report["columns"], &report["unconverged"]),
                    (&3.into(), &0.into())
                );
                assert!(report["kkt"].as_f64().unwrap() <= tolerance, "{report}");
                assert!(
                    report["duality_gap"].as_f64().unwrap() <= tolerance,
                    "{report}"
                );
                assert!(report["columns_per_second"].as_f64().unwrap() > 0.0);
                assert!(
                    report["passes"].as_u64().unwrap() >= 1
                        && report["seconds"].as_f64().unwrap() > 0.0
                );
                let (shape, codes) = if bits == "64" {
                    read_array::<f64>(&path("A.npy"))
                } else {
                    let (shape, codes) = read_array::<f32>(&path("A.npy"));
                    (shape, codes.into_iter().map(f64::from).collect())
                };
                assert_eq!(shape, [2, 3]);
                for (code, c) in codes.iter().zip(signals) {
                    let shrunk = (c - 0.5).max(0.0) + if signed { (c + 0.5).min(0.0) } else { 0.0 };
                    assert!(
                        abs_diff_eq!(*code, shrunk / 1.25, epsilon = 10.0 * tolerance),
                        "{solver}: {codes:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn too_few_passes_are_reported_and_the_codes_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_array(&path("D.npy"), &[2, 2], &[1.0, 0.9, 0.0, 0.1_f64]);
    write_array(&path("X.npy"), &[2, 1], &[1.0, 0.3_f64]);
    let mut command = scn();
    command
        .args([
            "solve",
            "--lambda1",
            "0",
            "--lambda2",
            "0",
            "--max-passes",
            "1",
            "--dictionary",
        ])
        .arg(path("D.npy"));
    command
        .arg("--signals")
        .arg(path("X.npy"))
        .arg("--out")
        .arg(path("A.npy"));
    command
        .assert()
        .code(3)
        .stdout(predicate::str::contains("pass limit with auto"))
        .stderr(predicate::str::contains(
            "error: 1 of 1 columns did not reach",
        ));
    assert_eq!(read_array::<f64>(&path("A.npy")).0, [2, 1]);
    command
        .arg("--allow-unconverged")
        .assert()
        .success()
        .stderr(predicate::str::contains(
            "warning: 1 of 1 columns did not reach",
        ));
}

/// With λ1 per atom, posing a problem by its Gram matrix and correlations gives the same codes as
/// posing it by its dictionary and signals.
#[test]
fn gram_matrix_and_correlations_replace_dictionary_and_signals() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_array(
        &path("D.npy"),
        &[3, 2],
        &[1.0, 0.5, 0.0, 2.0, -1.0, 1.0_f64],
    );
    write_array(&path("X.npy"), &[3, 2], &[1.0, 2.0, 3.0, -1.0, 0.5, 4.0]);
    write_array(&path("H.npy"), &[2, 2], &[2.0, -0.5, -0.5, 5.25]);
    write_array(&path("C.npy"), &[2, 2], &[0.5, -2.0, 7.0, 3.0]);
    write_array(&path("L.npy"), &[2], &[0.1, 0.4]);
    let solve = |matrix: &str, columns: &str, out: &str| {
        let mut command = scn();
        command.args(["solve", "--lambda2", "0.25", "--signed", "--lambda1"]);
        command.arg(path("L.npy")).arg("--out").arg(path(out));
        let (by_matrix, by_columns) = match matrix {
            "H.npy" => ("--gram", "--correlations"),
            _ => ("--dictionary", "--signals"),
        };
        command.arg(by_matrix).arg(path(matrix));
        command.arg(by_columns).arg(path(columns));
        json(&mut command)
    };
    let with_signals = solve("D.npy", "X.npy", "A.npy");
    let without = solve("H.npy", "C.npy", "B.npy");
    assert!(with_signals["duality_gap"].as_f64().unwrap() <= 1e-9);
    assert!(without["duality_gap"].is_null());
    assert!(without["kkt"].as_f64().unwrap() <= 1e-9);
    let (shape, a) = read_array::<f64>(&path("A.npy"));
    let (_, b) = read_array::<f64>(&path("B.npy"));
    assert_eq!(shape, [2, 2]);
    // Residuals of 1e-9, divided by the smallest eigenvalue (above 1) and multiplied by max |c|
    // (below 10).
    assert_abs_diff_eq!(a[..], b[..], epsilon = 1e-7);
    assert!(a.iter().all(|a| *a != 0.0), "{a:?}");
}

/// Finds both atoms of a signal made of two, and reports the residual if only one is allowed.
#[test]
fn pursuit_finds_the_atoms_of_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let identity: Vec<f32> = (0..16).map(|at| f32::from(u8::from(at % 5 == 0))).collect();
    write_array(&path("D.npy"), &[4, 4], &identity);
    write_array(&path("X.npy"), &[4, 1], &[0.0, -3.0, 0.0, 4.0_f32]);
    let solve = |extra: &[&str]| {
        let mut command = scn();
        command.args(["solve", "--signed", "--dictionary"]);
        command
            .arg(path("D.npy"))
            .arg("--signals")
            .arg(path("X.npy"));
        command.arg("--out").arg(path("A.npy")).args(extra);
        let report = json(&mut command);
        assert_eq!(report["solver"], "omp");
        let residual = report["residual"].as_f64().unwrap();
        (residual, read_array::<f32>(&path("A.npy")).1)
    };
    let (residual, codes) = solve(&["--residual", "0.001"]);
    assert!(residual <= 1e-7);
    assert_eq!(codes, [0.0, -3.0, 0.0, 4.0]);
    let (residual, codes) = solve(&["--atoms", "1"]);
    assert_abs_diff_eq!(residual, 0.6, epsilon = 1e-7);
    assert_eq!(codes, [0.0, 0.0, 0.0, 4.0]);
}

/// Timing a problem from files gives the same codes as `scn solve`.
#[test]
fn bench_times_problems_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_array(&path("D.npy"), &[2, 2], &[1.0, 0.5, 0.0, 1.0_f32]);
    write_array(&path("X.npy"), &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0_f32]);
    let run = |command: &[&str], out: &str| {
        let mut scn = scn();
        scn.args(command)
            .args(["--lambda1", "0.5", "--lambda2", "0", "--tolerance", "1e-6"]);
        scn.arg("--dictionary").arg(path("D.npy"));
        scn.arg("--signals")
            .arg(path("X.npy"))
            .arg("--out")
            .arg(path(out));
        json(&mut scn)
    };
    run(&["solve"], "A.npy");
    let report = run(&["bench", "solve", "--solver", "auto"], "B.npy");
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["status"], "converged");
    assert!(runs[0]["columns_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(
        read_array::<f32>(&path("A.npy")),
        read_array::<f32>(&path("B.npy"))
    );
}

/// For one unit atom d and one signal x, a = d'x - lambda1, so y = u, dL/dx = u d and
/// `dL/dD = u (x - 2 a d)`.
#[test]
fn bench_writes_the_derivatives_of_problems_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_array(&path("D.npy"), &[2, 1], &[0.6, 0.8_f32]);
    write_array(&path("X.npy"), &[2, 1], &[1.0, 2.0_f32]);
    write_array(&path("U.npy"), &[1, 1], &[3.0_f32]);
    let bench = |cotangent: &str| {
        let mut scn = scn();
        scn.args([
            "bench",
            "adjoint",
            "--lambda1",
            "0.2",
            "--tolerance",
            "1e-6",
        ]);
        for (option, name) in [
            ("--dictionary", "D.npy"),
            ("--signals", "X.npy"),
            ("--cotangent", cotangent),
            ("--out-dictionary", "dD.npy"),
            ("--out-signals", "dX.npy"),
        ] {
            scn.arg(option).arg(path(name));
        }
        scn
    };
    let report = json(&mut bench("U.npy"));
    let runs = report["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["unsolved"]), (1, &0.into()));
    assert!(runs[0]["adjoint_columns_per_second"].as_f64().unwrap() > 0.0);
    let code = 0.6 + 1.6 - 0.2;
    let by_dictionary = [
        3.0 * (1.0 - 2.0 * code * 0.6),
        3.0 * (2.0 - 2.0 * code * 0.8),
    ];
    // Codes have a residual of 1e-6, and a few numbers are summed in f32.
    let gradient = |name: &str| -> Vec<f64> {
        let (_, values) = read_array::<f32>(&path(name));
        values.into_iter().map(f64::from).collect()
    };
    assert_abs_diff_eq!(gradient("dD.npy")[..], by_dictionary[..], epsilon = 2e-5);
    assert_abs_diff_eq!(gradient("dX.npy")[..], [1.8, 2.4][..], epsilon = 2e-5);

    write_array(&path("long.npy"), &[1, 2], &[3.0, 1.0_f32]);
    bench("long.npy")
        .assert()
        .code(1)
        .stderr(predicate::str::contains(
            "expected dLoss/da of shape [1, 1], found [1, 2]",
        ));
}

#[test]
fn incomplete_problems_are_refused() {
    for (arguments, code, says) in [
        (vec!["--dictionary", "D", "--signals", "X"], 1, "--lambda1"),
        (vec!["--dictionary", "D"], 2, "--signals"),
        (vec!["--gram", "H", "--signals", "X"], 2, "--correlations"),
        (
            vec![
                "--dictionary",
                "D",
                "--signals",
                "X",
                "--atoms",
                "2",
                "--lambda1",
                "1",
            ],
            2,
            "--lambda1",
        ),
    ] {
        scn()
            .args(["solve", "--out", "A"])
            .args(arguments)
            .assert()
            .code(code)
            .stderr(predicate::str::contains(says));
    }
}
