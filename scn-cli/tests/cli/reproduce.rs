//! `scn reproduce`.

use predicates::prelude::*;
use scn_data::DatasetName;

use crate::{json, real_data, scn};

/// Without data nothing is trained: who asks is told how to get it, and the page has the paper's figures.
#[test]
fn missing_data_is_named_and_does_not_stop_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    scn()
        .args(["reproduce", "table1", "--budget", "quick", "--data"])
        .arg(folder.path())
        .arg("--out")
        .arg(&out)
        .assert()
        .code(1)
        .stdout(predicate::str::contains("cifar100-scn4").and(predicate::str::contains("5.81 %")))
        .stderr(
            predicate::str::contains("scn data fetch cifar10")
                .and(predicate::str::contains("scn data fetch cifar100"))
                .and(predicate::str::contains(
                    "cifar-100-binary.tar.gz from https://www.cs.toronto.edu/~kriz/",
                ))
                .and(predicate::str::contains("error: 6 of 6 networks failed")),
        );
    for name in ["report.html", "report.md"] {
        let page = std::fs::read_to_string(out.join("quick").join(name)).unwrap();
        assert!(
            page.contains("19.93")
                && page.contains("0 of 20 epochs, failed")
                && page.contains("cifar100-scn4: "),
            "{page}"
        );
    }
}

/// Real MNIST, a few images of it: trained, then complete, and not mixed up with other settings.
#[test]
fn a_row_is_trained_once() {
    let Some(data) = real_data(DatasetName::Mnist) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let reproduce = |limit: &str| {
        let mut command = scn();
        command
            .args(["reproduce", "table3", "--budget", "quick"])
            .args(["--train-limit", limit, "--test-limit", "16", "--data"])
            .arg(&data)
            .arg("--out")
            .arg(folder.path());
        command
    };
    let found = json(&mut reproduce("32"));
    let row = &found["rows"][0];
    assert_eq!(
        (&row["preset"], &row["epochs"]),
        (&"mnist-scn4".into(), &3.into())
    );
    assert_eq!(row["finished"], true);
    assert_eq!(row["paper_test_error"], 0.0036);
    let run = folder.path().join("quick/mnist-scn4");
    assert!(run.join("report.html").is_file());
    let model = std::fs::read(run.join("model.safetensors")).unwrap();

    let again = reproduce("32").assert().success();
    again.stdout(predicate::str::contains("mnist-scn4: complete"));
    assert_eq!(std::fs::read(run.join("model.safetensors")).unwrap(), model);
    let other = reproduce("40").assert().code(1);
    other.stderr(predicate::str::contains("other settings").and(predicate::str::contains("--out")));
    assert_eq!(std::fs::read(run.join("model.safetensors")).unwrap(), model);

    // A list of epochs that cannot be read comes again from the checkpoint.
    std::fs::write(run.join("metrics.jsonl"), "{\"epoch\":1").unwrap();
    let mended = json(&mut reproduce("32"));
    assert_eq!(mended["rows"][0], found["rows"][0]);
    assert_eq!(std::fs::read(run.join("model.safetensors")).unwrap(), model);
}
