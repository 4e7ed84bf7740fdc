//! `scn train --print-config`, `scn presets`, and warnings about settings.

use predicates::prelude::*;

use crate::mistakes::fails;
use crate::{json, scn, train_small};

fn printed(arguments: &[&str]) -> String {
    let assert = scn().args(arguments).assert().success().stderr("");
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

/// Printed settings can be read back and are printed again unchanged. No folder is created.
#[test]
fn printed_settings_are_those_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let options = [
        "train",
        "--print-config",
        "--preset",
        "mnist-scn1",
        "--epochs",
        "7",
        "--train-limit",
        "500",
        "--set",
        "input.whitening=0.1",
        "--set",
        "network.solver.tolerance=1e-5",
    ];
    let first = printed(&options);
    for line in [
        "epochs = 7",
        "train_limit = 500",
        "# test_limit = 1000  # off",
        "whitening = 0.1",
        "tolerance = 0.00001",
        "[network.batch_norm]",
        "#   \"cosine\": Follows half a period of a cosine to zero at the end of the run",
    ] {
        let found = first.lines().any(|found| found.starts_with(line));
        assert!(found, "{line} in {first}");
    }
    std::fs::write(&file, &first).unwrap();
    let again = scn()
        .args(["train", "--print-config", "--config"])
        .arg(&file)
        .current_dir(folder.path())
        .assert()
        .success();
    assert_eq!(again.get_output().stdout, first.as_bytes());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let value = json(scn().args(options));
    assert_eq!(value["training"]["epochs"], 7);
    assert_eq!(value["network"]["solver"]["tolerance"], 1e-5);
    assert!(value.get("test_limit").is_none());
}

/// A run from printed settings keeps them.
#[test]
fn a_run_from_printed_settings_has_them() {
    let folder = tempfile::tempdir().unwrap();
    for (start, learned) in [("paper", false), ("learned", true)] {
        let file = folder.path().join(format!("{start}.toml"));
        let run = folder.path().join(start);
        let dictionary = format!("network.dictionary={start}");
        let mut print = train_small(&run, &["--set", &dictionary, "--print-config"]);
        let shown = print.assert().success().get_output().stdout.clone();
        assert!(!run.exists());
        std::fs::write(&file, shown).unwrap();
        scn()
            .args(["train", "--config"])
            .arg(&file)
            .arg("--out")
            .arg(&run)
            .assert()
            .success()
            .stderr("");
        let read = |path| -> toml::Table {
            toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        let written = read(run.join("config.toml"));
        assert_eq!(written, read(file));
        // Settings of dictionary learning are written only where dictionaries are learned.
        let network = written["network"].as_table().unwrap();
        assert_eq!(network.contains_key("learned"), learned);
    }
}

#[test]
fn invalid_settings_are_not_printed() {
    fails(
        scn().args(["train", "--print-config", "--epochs", "0"]),
        &["training.epochs must be from 1"],
    );
    scn()
        .args(["train", "--print-config", "--resume"])
        .assert()
        .code(2);
}

#[test]
fn presets_are_listed_and_shown() {
    let list = printed(&["presets"]);
    assert!(
        list.lines().all(|line| line.chars().count() <= 80),
        "{list}"
    );
    let row = list
        .lines()
        .find(|line| line.starts_with("  cifar10-scn1 "))
        .unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells, ["cifar10-scn1", "cifar10", "14", "173,896", "200"]);

    let all = json(scn().arg("presets"));
    let all = all.as_array().unwrap();
    for preset in all {
        let name = preset["name"].as_str().unwrap();
        assert!(list.contains(name), "{name}");
        assert!(list.contains(preset["description"].as_str().unwrap()));
    }
    assert_eq!(all[0]["name"], "digits");
    assert_eq!(all[0]["dataset"], "digits");

    let shown = printed(&["presets", "digits"]);
    assert_eq!(shown, printed(&["train", "--print-config"]));
    let value = json(scn().args(["presets", "stl10-scn4"]));
    assert_eq!(value["preset"], "stl10-scn4");
    fails(
        scn().args(["presets", "cifar"]),
        &["there is no preset cifar", "cifar10-scn1"],
    );
}

#[test]
fn surprising_settings_give_warnings() {
    let folder = tempfile::tempdir().unwrap();
    train_small(&folder.path().join("two"), &[])
        .assert()
        .success()
        .stderr("");
    let once = ["--set", "training.epochs=1", "--set", "subset=stratified"];
    train_small(&folder.path().join("one"), &once)
        .assert()
        .success()
        .stderr(
            "warning: the learning rate drops within the first epoch, after 2 of its 3 steps: \
             training.drops are fractions of the run, which has few epochs\n",
        );
    let quiet = ["--set", "training.epochs=1", "--quiet"];
    train_small(&folder.path().join("quiet"), &quiet)
        .assert()
        .success()
        .stderr("");
    scn()
        .args(["train", "--train-limit", "20", "--epochs", "2", "--out"])
        .arg(folder.path().join("small"))
        .assert()
        .success()
        .stderr(predicate::str::contains(
            "warning: training.batch_size is 32, but there are 20 training images: each epoch is a \
             single step\n",
        ));
}
