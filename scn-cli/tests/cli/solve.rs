use predicates::prelude::*;

use crate::{json, read_array, scn, write_array};

/// Orthonormal atoms: codes are the correlations, less λ1, cut off at zero, over 1 + λ2.
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
                        (code - shrunk / 1.25).abs() <= 10.0 * tolerance,
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
        .success()
        .stdout(predicate::str::contains("pass limit with auto"))
        .stderr(predicate::str::contains(
            "warning: 1 of 1 columns did not reach",
        ));
    assert_eq!(read_array::<f64>(&path("A.npy")).0, [2, 1]);
}
