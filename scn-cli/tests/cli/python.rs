use std::path::{Path, PathBuf};
use std::process::Command;

use approx::abs_diff_eq;

use crate::{read_array, scn, train_small, write_array};

/// Maximum difference between the logits of the two programs.
///
/// Both minimise the same strictly convex functions (λ2 > 0): the script to a KKT residual of 1e-10
/// in f64, the network in f32 to its own tolerance. To first order, a residual r moves the codes by
/// at most `r max |c| ||H_SS^-1||`, where S is the active set. Each further layer and each
/// `1 / sqrt(σ² + ε)` multiplies that, so the difference is proportional to the tolerance: on noise
/// it was 1.3e-4, 1.2e-5 and 1.0e-6 at 1e-4 (the default), 1e-5 and 1e-6. This test sets 1e-6,
/// which leaves a factor of 75 to the largest difference measured at that tolerance, 1.3e-6.
const EPSILON: f64 = 1e-4;

/// Returns the script if there is a python3 with numpy to run it. Otherwise prints that the test is
/// skipped.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn script() -> Option<PathBuf> {
    let numpy = Command::new("python3")
        .args(["-c", "import numpy"])
        .output();
    if !numpy.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no python3 with numpy");
        return None;
    }
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/python/forward.py"))
}

#[test]
fn numpy_reproduces_the_logits_of_predict() {
    let Some(script) = script() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let digits = scn_data::open(scn_data::DatasetName::Digits, folder.path()).unwrap();
    let images = 40;
    let pixels: Vec<u8> = (0..images)
        .flat_map(|image| digits.test.image(image).bytes().unwrap().to_vec())
        .collect();
    write_array(&path("X.npy"), &[images as u64, 1, 8, 8], &pixels);
    let all: [&[&str]; 4] = [
        &[],
        &["network.batch_norm.placement=after"],
        &["network.batch_norm.affine=true"],
        &[
            "input.contrast=10",
            "input.whitening=0.1",
            "network.lambda1.initial=0.05",
            "network.lambda1.per_atom=true",
        ],
    ];
    for (index, settings) in all.into_iter().enumerate() {
        let run = path(&index.to_string());
        let mut train = train_small(&run, &["--set", "network.solver.tolerance=1e-6"]);
        for &setting in settings {
            train.args(["--set", setting]);
        }
        train.assert().success();
        scn()
            .args(["predict", "--model"])
            .arg(&run)
            .arg("--images")
            .arg(path("X.npy"))
            .arg("--logits")
            .arg(path("Z.npy"))
            .assert()
            .success();
        let python = Command::new("python3")
            .arg(&script)
            .arg(run.join("model.safetensors"))
            .args([path("X.npy"), path("P.npy")])
            .output()
            .unwrap();
        assert!(python.status.success(), "{settings:?} {python:?}");
        let (shape, logits) = read_array::<f32>(&path("Z.npy"));
        let (of_python, expected) = read_array::<f64>(&path("P.npy"));
        assert_eq!(shape, [images as u64, 10]);
        assert_eq!(of_python, shape);
        for (&found, &expected) in logits.iter().zip(&expected) {
            assert!(
                abs_diff_eq!(f64::from(found), expected, epsilon = EPSILON),
                "{settings:?}: {found}, by numpy {expected}"
            );
        }
    }
}
