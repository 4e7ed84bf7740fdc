use std::path::Path;

use scn_net::{Model, RunFolder};

use crate::{json, real_data, scn};

/// The networks that `docs/results` keeps classify the test images as its reports say.
#[test]
fn kept_networks_have_the_errors_they_are_said_to_have() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results");
    for folder in std::fs::read_dir(results).unwrap() {
        let folder = RunFolder::new(&folder.unwrap().path());
        if !folder.model().is_file() {
            continue;
        }
        let model = Model::load(&folder.model()).unwrap();
        let Some(data) = real_data(model.input.dataset) else {
            continue;
        };
        let metrics = std::fs::read_to_string(folder.metrics()).unwrap();
        let last: serde_json::Value =
            serde_json::from_str(metrics.lines().next_back().unwrap()).unwrap();
        let mut evaluate = scn();
        evaluate.arg("evaluate").arg("--model").arg(folder.model());
        let found = json(evaluate.arg("--data").arg(&data));
        let difference = found["error"].as_f64().unwrap() - last["test_error"].as_f64().unwrap();
        // Sums are rounded otherwise where registers have another width, and an image between two classes may change sides: at most
        // ten of the ten thousand.
        assert!(
            difference.abs() <= 1e-3,
            "{}: error {}, {} in the last epoch",
            folder.path().display(),
            found["error"],
            last["test_error"]
        );
    }
}
