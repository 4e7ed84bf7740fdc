use std::path::Path;

use approx::abs_diff_eq;
use scn_net::{Model, RunFolder};

use crate::{json, real_data, scn};

/// The networks that `docs/results` keeps classify the exact test images as is written beside them.
/// (The reports of some are about other copies of the images.)
#[test]
fn kept_networks_have_the_errors_they_are_said_to_have() {
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
        // Sums are rounded otherwise where registers have another width, and an image between two
        // classes may change sides: at most ten of the ten thousand.
        assert!(
            abs_diff_eq!(error(&found), error(&kept), epsilon = 1e-3),
            "{}: error {}, {} in evaluation.json",
            folder.path().display(),
            found["error"],
            kept["error"]
        );
    }
}
