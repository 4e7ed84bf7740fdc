use std::path::Path;

use approx::abs_diff_eq;
use scn_net::{Model, RunFolder};

use crate::{json, real_data, scn};

/// The networks in `docs/results` have the errors stated beside them on the exact test images.
#[test]
fn networks_have_the_errors_recorded_with_them() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results");
    for folder in std::fs::read_dir(results).unwrap() {
        let folder = RunFolder::new(&folder.unwrap().path());
        if !folder.model().is_file() {
            continue;
        }
        let model = Model::load(&folder.model()).unwrap();
        let Some(data) = real_data(model.input.dataset.name().unwrap()) else {
            continue;
        };
        let kept = std::fs::read_to_string(folder.path().join("evaluation.json")).unwrap();
        let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
        let mut evaluate = scn();
        evaluate.arg("evaluate").arg("--model").arg(folder.model());
        let found = json(evaluate.arg("--data").arg(&data));
        assert_eq!(found["images"], kept["images"]);
        let error = |of: &serde_json::Value| of["error"].as_f64().unwrap();
        // The order of summation depends on the register width, so images between two classes may
        // be classified differently: at most ten of ten thousand.
        assert!(
            abs_diff_eq!(error(&found), error(&kept), epsilon = 1e-3),
            "{}: error {}, {} in evaluation.json",
            folder.path().display(),
            found["error"],
            kept["error"]
        );
    }
}
