//! Networks, trained and tested.

use crate::{differing, done, errors, made_mnist, model, result, scn, shared, turn};

/// Two epochs of 15 batches.
const TRAIN: &str =
    "train --train-limit 300 --test-limit 90 --batch-size 20 --epochs 2 --threads 1 --quiet";

#[test]
fn models_and_evaluations_equal_those_of_one_process() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(scn(&format!("{TRAIN} --out alone")).current_dir(folder));
    for processes in [2, 3] {
        let run = format!("of-{processes}");
        done(&mut shared(
            processes,
            &format!("{TRAIN} --out {run}"),
            folder,
        ));
        assert!(model(folder, &run) == model(folder, "alone"), "{processes}");
        for file in [
            "config.toml",
            "checkpoint.safetensors",
            "metrics.jsonl",
            "report.html",
        ] {
            assert!(folder.join(&run).join(file).exists(), "{file}");
        }
    }
    let evaluate = "evaluate --model alone/model.safetensors --json --threads 1 --batch-size 50";
    let alone = result(&done(scn(evaluate).current_dir(folder)));
    let three = result(&done(&mut shared(3, evaluate, folder)));
    assert_eq!(alone, three);
    // A command that does not share work runs once.
    let output = done(&mut shared(2, "presets", folder));
    assert_eq!(output.stdout, done(&mut scn("presets")).stdout);
}

/// The covariance is large enough to be shared by processes.
#[test]
fn whitening_equals_that_of_one_process() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    made_mnist(folder, 1, 40, 16);
    let train = "train --preset mnist-scn1 --data . --epochs 1 --batch-size 20 --set input.whitening=0.1 --threads 1 --quiet";
    done(scn(&format!("{train} --out alone")).current_dir(folder));
    done(&mut shared(2, &format!("{train} --out two"), folder));
    assert!(model(folder, "two") == model(folder, "alone"));
}

#[test]
fn the_paper_s_networks_equal_those_of_one_process() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    made_mnist(folder, 1, 40, 16);
    let reproduce = "reproduce table3 --budget quick --train-limit 20 --test-limit 10 --threads 1";
    let run = |out: &str| format!("{reproduce} --data . --out {out} --json");
    let alone = done(scn(&run("alone")).current_dir(folder));
    let two = done(&mut shared(2, &run("two"), folder));
    let rows = |output| result(&output)["rows"].clone();
    assert_eq!(rows(two), rows(alone));
    let network = "quick/mnist-scn4";
    let models = ["alone", "two"].map(|out| model(&folder.join(out), network));
    assert!(models[0] == models[1]);
    // A complete run is not started again.
    let again = done(&mut shared(2, &run("two").replace("--json", ""), folder));
    let said = String::from_utf8(again.stdout).unwrap();
    assert!(said.starts_with("mnist-scn4: complete\n"), "{said}");

    let first = run("c");
    let second = first.replace("--data .", "--data missing");
    let output = differing(&first, &second, folder);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("mnist-scn4: process 1 on "), "{said}");
}

#[test]
fn errors_are_reported_once() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let output = shared(3, "train --epochs 0.5", folder).output().unwrap();
    assert_eq!(errors(&output).len(), 1, "{output:?}");
    let output = shared(3, "evaluate --model missing", folder)
        .output()
        .unwrap();
    assert_eq!(
        errors(&output),
        ["error: cannot read missing: No such file or directory (os error 2)"]
    );
    // The second process lacks the images.
    let train = "train --epochs 2000 --threads 1 --quiet --out a";
    let missing = "train --dataset mnist --data missing --out b";
    let output = differing(train, missing, folder);
    assert!(!output.status.success());
    let errors = errors(&output);
    assert_eq!(errors.len(), 1, "{output:?}");
    assert!(
        errors[0].contains("process 1 on ") && errors[0].contains("missing"),
        "{errors:?}"
    );
}

#[test]
fn differing_images_are_detected() {
    let Some(_turn) = turn() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    made_mnist(&folder.join("a"), 1, 40, 16);
    made_mnist(&folder.join("b"), 2, 40, 16);
    let train = "train --preset mnist-scn1 --data a --out run --quiet";
    let output = differing(train, &train.replace("--data a", "--data b"), folder);
    let errors = errors(&output);
    assert_eq!(errors.len(), 1, "{output:?}");
    let expected = "and process 0 have different images";
    assert!(
        errors[0].contains("process 1 on ") && errors[0].ends_with(expected),
        "{errors:?}"
    );
}
