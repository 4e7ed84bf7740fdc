//! `scn report` with several runs.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use roxmltree::{Document, Node};
use scn_net::{EpochRecord, presets};
use serde_json::Value;

use crate::made::{self, epoch};
use crate::mistakes::fails;
use crate::page::{all, browse, check_page, parse, read, text};
use crate::plot::Plot;
use crate::{json, scn, train_small};

/// Colours of the first two runs.
const BLUE: &str = "#1F6FB4";
const RED: &str = "#B4451A";

fn report(runs: &[PathBuf], out: &Path) -> Command {
    let mut command = scn();
    command.arg("report").args(runs).arg("--out").arg(out);
    command
}

/// Returns the rows of the table with this caption, the header first.
fn rows(page: &Document, caption: &str) -> Vec<Vec<String>> {
    let tables = all(page, "table").into_iter();
    let mut tables = tables.filter(|&table| {
        let captions = table
            .descendants()
            .filter(|node| node.has_tag_name("caption"));
        captions.map(text).any(|found| found == caption)
    });
    let table = tables.next().unwrap();
    let rows = table.descendants().filter(|node| node.has_tag_name("tr"));
    rows.map(|row| row.children().filter(Node::is_element).map(text).collect())
        .collect()
}

const RESULTS: &str = "Results of the runs";
const SETTINGS: &str = "Settings that differ between the runs";

/// Returns the cell of a run in a column of the results.
fn cell(page: &Document, run: &str, column: &str) -> String {
    let rows = rows(page, RESULTS);
    let column = rows[0].iter().position(|head| head == column).unwrap();
    let row = rows.iter().find(|row| row[0] == run).unwrap();
    row[column].clone()
}

fn records(run: &Path) -> Vec<EpochRecord> {
    let lines = read(run.join("metrics.jsonl"));
    let records = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    records.collect()
}

/// For two real runs of different lengths, the numbers are those of their records, and only
/// settings that differ are listed.
#[test]
fn runs_are_compared_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["short", "long"].map(|name| folder.path().join(name));
    train_small(&runs[0], &["--set", "training.learning_rate=0.05"])
        .assert()
        .success();
    train_small(
        &runs[1],
        &[
            "--set",
            "training.epochs=3",
            "--set",
            "training.schedule=cosine",
        ],
    )
    .assert()
    .success();
    let before = read(runs[0].join("report.html"));
    let out = folder.path().join("both");
    let told = json(&mut report(&runs, &out));
    let page = read(out.join("report.html"));
    check_page(&page);
    let page = parse(&page);
    assert_eq!(text(all(&page, "h1")[0]), "2 runs on digits");

    let percent = |error: f64| format!("{:.2} %", 100.0 * error);
    for (index, (run, planned)) in runs.iter().zip([2, 3]).enumerate() {
        let name = ["short", "long"][index];
        let records = records(run);
        let last = records.last().unwrap();
        let lowest = records
            .iter()
            .map(|record| record.test_error)
            .fold(1.0, f64::min);
        let best = records
            .iter()
            .position(|record| record.test_error == lowest)
            .unwrap()
            + 1;
        for (column, expected) in [
            ("curve", (index + 1).to_string()),
            ("epochs", format!("{planned} of {planned}")),
            ("best epoch", best.to_string()),
            ("chosen by", "test".to_string()),
            ("test error, best epoch", percent(lowest)),
            ("test error, last epoch", percent(last.test_error)),
            ("training error, last epoch", percent(last.train_error)),
        ] {
            assert_eq!(cell(&page, name, column), expected, "{name} {column}");
        }
        let told = &told["runs"][index];
        assert_eq!(told["name"], name);
        assert_eq!(told["best_epoch"], best);
        assert_eq!(told["best_test_error"], lowest);
        assert_eq!(told["test_error"], last.test_error);
        assert_eq!(
            (&told["epochs"], &told["planned_epochs"]),
            (&planned.into(), &planned.into())
        );
    }
    assert_eq!(
        rows(&page, SETTINGS),
        [
            ["setting", "short", "long"],
            ["training.epochs", "2", "3"],
            ["training.learning_rate", "0.05", "0.1"],
            ["training.schedule", "drops", "cosine"],
        ]
    );
    // The Markdown report has the same content.
    let markdown = read(out.join("report.md")).replace('\\', "");
    for node in ["td", "th", "figcaption", "h2", "p"]
        .iter()
        .flat_map(|name| all(&page, name))
    {
        assert!(
            markdown.contains(text(node).trim()),
            "{} in {markdown}",
            text(node)
        );
    }
    // Each run has a test error line with one point per epoch, and both start at the same place.
    let plot = Plot::read(&out.join("learning-curve.svg"));
    let numbers: Vec<f64> = plot.numbers().iter().map(|number| number.0).collect();
    assert_eq!(numbers, [1.0, 2.0, 3.0]);
    let (short, long) = (longest(&plot, BLUE), longest(&plot, RED));
    assert_eq!((short.len(), long.len()), (2, 3));
    assert_eq!(short[0].0, long[0].0);
    for name in ["1 short", "2 long", "test", "training", "best epoch"] {
        assert!(plot.texts().iter().any(|(text, _)| text == name), "{name}");
    }
    // The runs themselves are unchanged.
    assert_eq!(read(runs[0].join("report.html")), before);
    browse(&out.join("report.html"), &[1280, 390]);
}

/// Returns the line of a colour with the most points.
fn longest(plot: &Plot, colour: &str) -> Vec<(f64, f64)> {
    let lines = plot.lines(colour).into_iter();
    // Leaves out the sample in the legend, which is above all axis labels.
    let top = plot
        .values()
        .iter()
        .map(|value| value.1)
        .fold(f64::INFINITY, f64::min);
    let lines = lines.filter(|line| line.iter().any(|point| point.1 > top - 20.0));
    lines.max_by_key(Vec::len).unwrap()
}

#[test]
fn unfinished_runs_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["third", "begun", "validated"].map(|name| folder.path().join(name));
    made::run(
        &runs[0],
        "mnist-scn1",
        &[epoch(0.3, 0.2), epoch(0.2, 0.1), epoch(0.1, 0.15)],
    );
    made::run(&runs[1], "mnist-scn1", &[]);
    let mut config = presets::get("mnist-scn1").unwrap();
    config.training.validation = Some(0.1);
    let validated = |test, validation: f64| {
        let mut record = epoch(0.1, test);
        (record.validation_error, record.validation_loss) = (Some(validation), Some(validation));
        record
    };
    made::run_of(
        &runs[2],
        &config,
        &[validated(0.25, 0.05), validated(0.05, 0.5)],
    );
    let out = folder.path().join("out");
    let output = report(&runs, &out).assert().success();
    let warned = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(
        warned.lines().count() == 1 && warned.contains("begun: no epoch is complete yet"),
        "{warned}"
    );
    let page = read(out.join("report.html"));
    check_page(&page);
    let page = parse(&page);
    let row = |run: &str| {
        [
            "epochs",
            "best epoch",
            "chosen by",
            "validation error, best epoch",
            "test error, best epoch",
            "training time",
        ]
        .map(|column| cell(&page, run, column))
    };
    assert_eq!(
        row("third"),
        ["3 of 25", "2", "test", "–", "10.00 %", "3 min 0 s"]
    );
    assert_eq!(row("begun"), ["0 of 25", "–", "–", "–", "–", "–"]);
    // The epoch chosen by validation error differs from the one with the lowest test error.
    assert_eq!(
        row("validated"),
        [
            "2 of 25",
            "1",
            "validation",
            "5.00 %",
            "25.00 %",
            "2 min 0 s"
        ]
    );
    let plot = Plot::read(&out.join("learning-curve.svg"));
    assert!(plot.texts().iter().any(|(text, _)| text == "validation"));
    assert_eq!(
        rows(&page, SETTINGS)[1..],
        [["training.validation", "not set", "not set", "0.1"]]
    );

    // Without a complete epoch there is no page.
    let out = folder.path().join("none");
    made::run(&runs[0], "mnist-scn1", &[]);
    std::fs::remove_file(runs[0].join("metrics.jsonl")).unwrap();
    let output = report(&runs[..2], &out).assert().code(1);
    let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(
        said.contains("error: no run has a complete epoch yet"),
        "{said}"
    );
    assert!(!out.exists());
}

/// Errors on different data sets are drawn in separate plots.
#[test]
fn each_data_set_has_its_own_plots() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["a", "b", "c"].map(|name| folder.path().join(name));
    made::run(
        &runs[0],
        "mnist-scn1",
        &[epoch(0.3, 0.02), epoch(0.1, 0.01)],
    );
    made::run(
        &runs[1],
        "cifar10-scn1",
        &[epoch(0.8, 0.7), epoch(0.6, 0.5)],
    );
    made::run(
        &runs[2],
        "mnist-scn1",
        &[epoch(0.3, 0.04), epoch(0.1, 0.03)],
    );
    let out = folder.path().join("out");
    let told = json(&mut report(&runs, &out));
    let files: Vec<&str> = told["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        files,
        [
            "report.html",
            "report.md",
            "learning-curve.svg",
            "loss-curve.svg",
            "learning-curve-2.svg",
            "loss-curve-2.svg"
        ]
    );
    let names = |file: &str| -> Vec<String> {
        let texts = Plot::read(&out.join(file)).texts().into_iter();
        texts
            .map(|(text, _)| text)
            .filter(|text| ["1 a", "2 b", "3 c"].contains(&text.as_str()))
            .collect()
    };
    assert_eq!(names("learning-curve.svg"), ["1 a", "3 c"]);
    assert_eq!(names("learning-curve-2.svg"), ["2 b"]);
    let page = read(out.join("report.html"));
    let page = parse(&page);
    let everything = text(page.root_element());
    for part in [
        "Lowest test error on mnist: 1.00 % (a, after epoch 2).",
        "Lowest test error on cifar10: 50.00 % (b, after epoch 2).",
        "different data sets (mnist, cifar10)",
    ] {
        assert!(everything.contains(part), "{part} in {everything}");
    }
    assert_eq!(text(all(&page, "h1")[0]), "3 runs");
    assert_eq!(cell(&page, "b", "data set"), "cifar10");
}

#[test]
fn runs_of_the_same_name_are_distinguished() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["one/run", "two/run", "three"].map(|name| folder.path().join(name));
    for run in &runs {
        made::run(run, "mnist-scn1", &[epoch(0.3, 0.2)]);
    }
    let out = folder.path().join("out");
    report(&runs, &out).assert().success();
    let page = read(out.join("report.html"));
    let page = parse(&page);
    let names: Vec<String> = rows(&page, RESULTS)[1..]
        .iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(names, ["one/run", "two/run", "three"]);
    assert!(text(page.root_element()).contains("All runs have the same settings."));

    let twice = [
        runs[0].clone(),
        runs[1].clone(),
        folder.path().join("two/../one/run"),
    ];
    fails(
        &mut report(&twice, &folder.path().join("twice")),
        &["one/run and ", "two/../one/run are the same run"],
    );
}

#[test]
fn runs_that_cannot_be_compared_give_one_line_errors() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["a", "b"].map(|name| folder.path().join(name));
    for run in &runs {
        made::run(run, "mnist-scn1", &[epoch(0.3, 0.2)]);
    }
    let out = folder.path().join("out");
    let other = |name: &str| [runs[0].clone(), folder.path().join(name)];
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for name in ["empty", "absent"] {
        fails(
            &mut report(&other(name), &out),
            &[name, "expected a run folder", "config.toml"],
        );
    }
    let metrics = runs[1].join("metrics.jsonl");
    let whole = read(metrics.clone());
    std::fs::write(&metrics, "{\"epoch\":1").unwrap();
    fails(
        &mut report(&runs, &out),
        &["metrics.jsonl: line 1", "record of an epoch"],
    );
    std::fs::write(&metrics, whole).unwrap();
    // Reports on other runs do not overwrite the page of a run, and `--data` is refused if no
    // images are read.
    for several in [&runs[..], &runs[..1]] {
        fails(&mut report(several, &runs[1]), &["found a run", "--out"]);
    }
    fails(
        report(&runs, &out).arg("--data").arg(folder.path()),
        &["--data", "no images are read"],
    );
    std::fs::write(folder.path().join("file"), "").unwrap();
    fails(
        &mut report(&runs, &folder.path().join("file")),
        &["cannot create", "file"],
    );
    assert!(!out.exists() && !runs[1].join("report.html").exists());
}

/// Names that contain markup of HTML, SVG or Markdown are shown literally.
#[test]
fn names_are_escaped() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["<b>|_x_&", "\"y'"].map(|name| folder.path().join(name));
    for run in &runs {
        made::run(run, "mnist-scn1", &[epoch(0.3, 0.2), epoch(0.3, 0.1)]);
    }
    let out = folder.path().join("out");
    report(&runs, &out).assert().success();
    let page = read(out.join("report.html"));
    check_page(&page);
    let page = parse(&page);
    let names: Vec<String> = rows(&page, RESULTS)[1..]
        .iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(names, ["<b>|_x_&", "\"y'"]);
    let plot = Plot::read(&out.join("loss-curve.svg"));
    assert!(plot.texts().iter().any(|(text, _)| text == "1 <b>|_x_&"));
    assert!(read(out.join("report.md")).contains("| \\<b\\>\\|\\_x\\_\\& |"));
}
