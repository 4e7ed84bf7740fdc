use std::path::{Path, PathBuf};
use std::process::Command;

use approx::abs_diff_eq;

use crate::{read_array, scn, train_small, write_array};

/// How far the logits of the two programs may be apart.
///
/// Both minimise the same strictly convex functions (λ2 > 0): the script to a KKT residual of 1e-10
/// in f64, the network in f32 to its own tolerance. To first order a residual r moves the codes by
/// at most `r max |c| ||H_SS^-1||`, S being the active atoms, and a further layer and each
/// `1 / sqrt(σ² + ε)` multiply that. The logits are thus apart in proportion to the tolerance:
/// 1.3e-4, 1.2e-5 and 1.0e-6 were measured on noise at 1e-4 (the default), 1e-5 and 1e-6. Hence 1e-6
/// is set below, which leaves a factor of 75 to the largest that was measured there, 1.3e-6.
const EPSILON: f64 = 1e-4;

/// The script, if there is a python3 with numpy to run it; otherwise says that something is skipped.
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
fn numpy_finds_the_logits_of_predict_from_the_model_file() {
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
