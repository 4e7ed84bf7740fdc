//! `scn reproduce`.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use roxmltree::{Document, Node};
use serde_json::Value;

use crate::made_mnist::made_mnist;
use crate::page::{all, browse, check_page, parse, read, text};
use crate::{json, scn};

/// The paper's tables, copied from it by hand: method, parameters, layers, figures.
const TABLE_1: [[&str; 5]; 15] = [
    ["SCKN", "10.50M", "10", "10.20", "-"],
    ["OMP", "0.70M", "2", "18.50", "-"],
    ["PCANet", "0.28B", "3", "21.33", "-"],
    ["NOMP", "1.09B", "4", "18.60", "39.92"],
    ["NiN", "-", "-", "8.81", "35.68"],
    ["DSN", "1.34M", "7", "7.97", "36.54"],
    ["WRN", "36.5M", "28", "4.00", "19.25"],
    ["ResNet-110", "0.85M", "110", "6.41", "27.22"],
    ["ResNet-1001 v2", "10.2M", "1001", "4.92", "27.21"],
    ["ResNext-29", "68.10M", "29", "3.58", "17.31"],
    ["SwapOut-20", "1.10M", "20", "5.68", "25.86"],
    ["SwapOut-32", "7.43M", "32", "4.76", "22.72"],
    ["SCN-1", "0.17M", "15", "8.86", "25.08"],
    ["SCN-2", "0.35M", "15", "7.18", "22.17"],
    ["SCN-4", "0.69M", "15", "5.81", "19.93"],
];
const TABLE_2: [[&str; 4]; 3] = [
    ["SWWAE", "10.50M", "10", "74.33"],
    ["Deep-TEN", "25.60M", "50", "76.29"],
    ["SCN-4", "0.69M", "15", "83.11"],
];
const TABLE_3: [[&str; 4]; 6] = [
    ["CKN", "-", "2", "0.39"],
    ["ScatNet", "-", "3", "0.43"],
    ["PCANet", "-", "3", "0.62"],
    ["S-SC", "-", "1", "0.84"],
    ["TDDL", "-", "1", "0.54"],
    ["SCN-4", "0.69M", "15", "0.36"],
];

fn reproduce(what: &str, data: &Path, out: &Path) -> Command {
    let mut command = scn();
    command.args(["reproduce", what, "--budget", "quick", "--data"]);
    command.arg(data).arg("--out").arg(out);
    command
}

/// Returns the cells of each row of a table, the header first.
fn rows(table: Node) -> Vec<Vec<String>> {
    let rows = table.descendants().filter(|node| node.has_tag_name("tr"));
    rows.map(|row| row.children().filter(Node::is_element).map(text).collect())
        .collect()
}

/// Returns the paper's tables, which have a column of methods.
fn printed(page: &Document) -> Vec<Vec<Vec<String>>> {
    let tables = all(page, "table").into_iter().map(rows);
    tables.filter(|table| table[0][0] == "method").collect()
}

/// Without data nothing is trained. The error says how to fetch the data, and the page has the
/// paper's complete tables, to the letter.
#[test]
fn missing_data_is_named_and_does_not_stop_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    reproduce("all", folder.path(), &out)
        .assert()
        .code(1)
        .stdout(predicate::str::contains("cifar100-scn4").and(predicate::str::contains("5.81 %")))
        .stderr(
            predicate::str::contains("scn data fetch cifar10")
                .and(predicate::str::contains("scn data fetch cifar100"))
                .and(predicate::str::contains(
                    "cifar-100-binary.tar.gz from https://www.cs.toronto.edu/~kriz/",
                ))
                .and(predicate::str::contains("error: 8 of 8 networks failed")),
        );
    let report = out.join("quick/report.html");
    let markdown = read(out.join("quick/report.md"));
    let page = read(report.clone());
    assert!(page.contains("cifar100-scn4: ") && markdown.contains("cifar100-scn4: "));
    assert!(page.contains("arXiv 1701.08349"));
    check_page(&page);
    let page = parse(&page);

    let tables = printed(&page);
    assert_eq!(tables.len(), 3);
    let here = |method: &str, epochs: usize| match method.starts_with("SCN-") {
        true => format!("–, 0 of {epochs} epochs, failed"),
        false => String::new(),
    };
    let expected = TABLE_1.map(|[method, parameters, layers, ten, hundred]| {
        let here = here(method, 20);
        [method, parameters, layers, ten, &here, hundred, &here].map(String::from)
    });
    assert_eq!(tables[0][1..], expected);
    for (table, expected, epochs) in [
        (&tables[1], TABLE_2.as_slice(), 20),
        (&tables[2], TABLE_3.as_slice(), 3),
    ] {
        let expected = expected.iter().map(|[method, parameters, layers, figure]| {
            [*method, parameters, layers, figure, &here(method, epochs)].map(String::from)
        });
        assert_eq!(table[1..], expected.collect::<Vec<_>>());
    }
    let everything = text(page.root_element());
    let remark = "The paper labels this column \"Accuracy\", but its figures are error rates.";
    assert!(everything.contains(remark) && everything.contains("Test accuracy in %"));
    for row in tables.iter().flat_map(|table| &table[1..]) {
        assert!(
            markdown.contains(&format!("| {} |", row[..4].join(" | "))),
            "{row:?} in {markdown}"
        );
    }
    browse(&report, &[1280, 390]);
}

#[test]
fn a_part_of_the_paper_has_its_own_tables() {
    let folder = tempfile::tempdir().unwrap();
    for (what, sizes) in [("table2", vec![TABLE_2.len()]), ("figure2", Vec::new())] {
        let out = folder.path().join(what);
        reproduce(what, folder.path(), &out).assert().code(1);
        let page = read(out.join("quick/report.html"));
        let tables = printed(&parse(&page));
        let lengths: Vec<usize> = tables.iter().map(|table| table.len() - 1).collect();
        assert_eq!(lengths, sizes, "{what}");
    }
}

/// A network is trained once, then reported as complete, and never mixed with different settings.
#[test]
fn a_row_is_trained_once() {
    let folder = tempfile::tempdir().unwrap();
    made_mnist(folder.path(), 1, 40, 16);
    let out = folder.path().join("out");
    let limited = |limit: &str| {
        let mut command = reproduce("table3", folder.path(), &out);
        command.args(["--train-limit", limit]);
        command
    };
    let found = json(&mut limited("32"));
    let row = &found["rows"][0];
    assert_eq!(
        (&row["preset"], &row["epochs"]),
        (&"mnist-scn4".into(), &3.into())
    );
    assert_eq!(row["finished"], true);
    assert_eq!(row["paper_test_error"], 0.0036);
    let run = out.join("quick/mnist-scn4");
    assert!(run.join("report.html").is_file());
    let model = std::fs::read(run.join("model.safetensors")).unwrap();
    check_result(row, &out.join("quick"));

    let again = limited("32").assert().success();
    let said = String::from_utf8(again.get_output().stdout.clone()).unwrap();
    let (lines, report) = said.trim_end().rsplit_once('\n').unwrap();
    assert!(report.starts_with("report ") && lines.starts_with("mnist-scn4: complete\n"));
    assert!(lines.contains("training.epochs 3 instead of 25") && lines.contains("train_limit 32"));
    assert!(lines.lines().all(|line| line.chars().count() <= 80));
    assert_eq!(std::fs::read(run.join("model.safetensors")).unwrap(), model);

    // The result keeps the settings of the existing run, not those of this command.
    let other = limited("40").arg("--json").assert().code(1);
    let told: Value = serde_json::from_slice(&other.get_output().stdout).unwrap();
    assert_eq!(told["rows"][0]["changed"], row["changed"]);
    assert_eq!(told["rows"][0]["test_error"], row["test_error"]);
    other.stderr(predicate::str::contains("other settings").and(predicate::str::contains("--out")));
    let page = read(out.join("quick/report.html"));
    assert!(page.contains("train_limit 32") && !page.contains("train_limit 40"));
    // A command without a limit is refused too: it does not adopt the limit of the existing run.
    for limit in [None, Some("40")] {
        let mut command = reproduce("table3", folder.path(), &out);
        command.args(
            limit
                .map(|limit| ["--train-limit", limit])
                .into_iter()
                .flatten(),
        );
        command.assert().code(1);
        let page = read(out.join("quick/report.md"));
        let terms = "at least 3. Training uses at most 32 images. All other settings";
        assert!(page.contains(terms), "{page}");
    }
    assert_eq!(std::fs::read(run.join("model.safetensors")).unwrap(), model);

    // Unreadable metrics are restored from the checkpoint.
    std::fs::write(run.join("metrics.jsonl"), "{\"epoch\":1").unwrap();
    let mended = json(&mut limited("32"));
    assert_eq!(mended["rows"][0], found["rows"][0]);
    assert_eq!(std::fs::read(run.join("model.safetensors")).unwrap(), model);

    // Without a readable checkpoint the settings are unknown, and no result is shown.
    std::fs::write(run.join("checkpoint.safetensors"), "x").unwrap();
    let damaged = limited("32").arg("--json").assert().code(1);
    let told: Value = serde_json::from_slice(&damaged.get_output().stdout).unwrap();
    let row = &told["rows"][0];
    assert!(row["test_error"].is_null());
    assert!(row["failure"].as_str().unwrap().contains("checkpoint"));
}

/// Checks that a short run on few images is marked wherever its result is shown.
fn check_result(row: &Value, folder: &Path) {
    let changed = |setting: &str, value: &str, preset: Value| serde_json::json!({ "setting": setting, "value": value, "preset": preset });
    assert_eq!(
        row["changed"],
        serde_json::json!([
            changed("train_limit", "32", Value::Null),
            changed("training.epochs", "3", "25".into()),
        ])
    );
    let notes = [
        "train_limit 32",
        "training.epochs 3 instead of 25",
        "tested on 16 images instead of 10,000",
    ];
    assert_eq!(row["differences"], serde_json::json!(notes));
    assert_eq!(
        (&row["train_images"], &row["test_images"], &row["seed"]),
        (&32.into(), &16.into(), &0.into())
    );

    let error = row["test_error"].as_f64().unwrap();
    let lowest = row["lowest_test_error"].as_f64().unwrap();
    assert!(lowest <= error);
    let report = folder.join("report.html");
    let page = read(report.clone());
    check_page(&page);
    let page = parse(&page);
    let tables: Vec<_> = all(&page, "table").into_iter().map(rows).collect();
    let notes = notes.join(", ");
    let last = |table: &Vec<Vec<String>>| table.last().unwrap().clone();
    let here = format!("{:.2}, {notes}", 100.0 * error);
    assert_eq!(last(&tables[0]), ["SCN-4", "0.69M", "15", "0.36", &here]);
    assert_eq!(
        tables[1][0],
        [
            "network",
            "data set",
            "budget",
            "seed",
            "epochs",
            "trained on",
            "tested on",
            "test error",
            "paper",
            "lowest test error",
            "differences from the paper",
        ]
    );
    let percent = |error: f64| format!("{:.2} %", 100.0 * error);
    assert_eq!(
        last(&tables[1]),
        [
            "SCN-4",
            "MNIST",
            "quick",
            "0",
            "3 of 3",
            "32 of 60,000",
            "16 of 10,000",
            &percent(error),
            "0.36 %",
            &percent(lowest),
            &notes,
        ]
    );
    assert_eq!(last(&tables[2]).last(), Some(&notes));
    let captions: Vec<String> = all(&page, "figcaption").into_iter().map(text).collect();
    let told = notes.replace(", t", "; t");
    assert_eq!(captions, [format!("SCN-4 on MNIST: {told}")]);
    let markdown = read(folder.join("report.md")).replace('\\', "");
    assert!(markdown.contains(&format!("{:.2} ({told})", 100.0 * error)));
    browse(&report, &[1280, 390]);
}
