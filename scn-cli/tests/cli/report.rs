//! `scn report`: what the page says, read by strict tools and by a browser.

use std::collections::BTreeMap;
use std::path::Path;

use roxmltree::{Document, Node};
use scn_net::{EpochRecord, LayerRecord, Model, ModelInput, Network, presets};

use crate::mistakes::fails;
use crate::page::{self, all, check_page, parse, read, text};
use crate::{json, scn, train_small};

const PLOTS: [&str; 5] = [
    "learning-curve.svg",
    "active-share.svg",
    "atoms.svg",
    "confusion.svg",
    "mistakes.svg",
];

fn headings(page: &Document) -> Vec<String> {
    all(page, "h2").into_iter().map(text).collect()
}

#[test]
fn a_report_says_everything_twice_and_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_small(&run, &[]).assert().success();
    let page = read(run.join("report.html"));
    check_page(&page);
    let page = parse(&page);
    assert_eq!(
        headings(&page),
        [
            "Result",
            "Learning curve",
            "Layers",
            "Atoms of the first layer",
            "Atoms most used per class",
            "Confusion matrix",
            "Most confident mistakes",
            "Configuration",
        ]
    );

    // The numbers are those of the run.
    let metrics = read(run.join("metrics.jsonl"));
    let last: EpochRecord = serde_json::from_str(metrics.lines().last().unwrap()).unwrap();
    let everything = text(page.root_element());
    let wrong = (40.0 * last.test_error).round();
    assert!(everything.contains(&format!(
        "{wrong} of 40 test images are classified wrongly: {:.2} %",
        100.0 * last.test_error
    )));
    assert!(everything.contains("not set") && everything.contains("train_limit"));
    assert_eq!(text(all(&page, "pre")[0]), read(run.join("config.toml")));
    assert_eq!(all(&page, "figcaption").len() as f64, wrong.min(12.0));
    let layer = last.layers[1];
    for number in [
        format!("{:.1} %", 100.0 * layer.active),
        format!("{:.4}", layer.lambda1),
        format!("{:.1}", layer.passes),
        format!("{:.1e}", layer.residual),
    ] {
        assert!(everything.contains(&number), "{number}");
    }

    // The Markdown has every cell of every table, every caption, and every plot as a file.
    let markdown = read(run.join("report.md"));
    let plain = markdown.replace('\\', "");
    for name in ["td", "th", "figcaption", "h2", "p", "pre"] {
        for node in all(&page, name) {
            let text = text(node);
            assert!(plain.contains(text.trim()), "{text:?} in {plain}");
        }
    }
    for plot in PLOTS {
        assert!(markdown.contains(&format!("]({plot})")), "{plot}");
        let svg = read(run.join(plot));
        let svg = parse(&svg);
        assert!(svg.root_element().attribute("aria-label").is_some());
        assert!(
            svg.descendants()
                .any(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "style")))
        );
    }

    // A second report says the same, but for what it measures.
    let timed = |page: &str| -> Vec<String> {
        let lines = page
            .lines()
            .filter(|line| !line.contains("test images/s") && !line.contains("time for the test"));
        lines.map(str::to_string).collect()
    };
    std::fs::remove_file(run.join("report.html")).unwrap();
    let again = json(scn().arg("report").arg(&run));
    assert!(again["left_out"].is_null());
    let files: Vec<&str> = again["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|file| file.as_str())
        .collect();
    assert_eq!(files, [&["report.html", "report.md"][..], &PLOTS].concat());
    assert_eq!(timed(&read(run.join("report.md"))), timed(&markdown));
    check_page(&read(run.join("report.html")));
}

/// A run of SCN-4 on MNIST as far as its files go.
fn mnist_run(run: &Path) {
    let config = presets::get("mnist-scn4").unwrap();
    std::fs::create_dir_all(run).unwrap();
    std::fs::write(run.join("config.toml"), config.to_toml().unwrap()).unwrap();
    let mut layer = LayerRecord::default();
    layer.active = 0.25;
    layer.lambda1 = 0.5;
    layer.passes = 3.0;
    layer.residual = 1e-4;
    layer.condition = Some(10.0);
    let mut record = EpochRecord::default();
    record.epoch = 1;
    record.learning_rate = 0.1;
    record.train_loss = 0.5;
    record.train_error = 0.125;
    record.test_loss = 0.5;
    record.test_error = 0.0625;
    record.images_per_second = 1000.0;
    record.seconds = 60.0;
    record.layers = vec![layer; config.network.layers.len()];
    std::fs::write(
        run.join("metrics.jsonl"),
        serde_json::to_string(&record).unwrap(),
    )
    .unwrap();
    let input = ModelInput::new(config.dataset);
    let model = Model::new(Network::new(&config.network, 0).unwrap(), input);
    model.save(&run.join("model.safetensors")).unwrap();
}

#[test]
fn without_images_the_rest_is_told_beside_the_paper() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    mnist_run(&run);
    let mut command = scn();
    command
        .arg("report")
        .arg(&run)
        .arg("--data")
        .arg(folder.path());
    let reported = json(&mut command);
    let reason = reported["left_out"].as_str().unwrap();
    assert!(reason.contains("scn data fetch mnist"), "{reason}");
    let page = read(run.join("report.html"));
    check_page(&page);
    let page = parse(&page);
    assert!(headings(&page).contains(&"Test images".to_string()));
    assert!(!headings(&page).contains(&"Confusion matrix".to_string()));
    assert!(text(page.root_element()).contains(reason));
    let rows: BTreeMap<String, Vec<String>> = all(&page, "tr")
        .into_iter()
        .map(|row| {
            let mut cells = row.children().filter(Node::is_element).map(text);
            (cells.next().unwrap(), cells.collect())
        })
        .collect();
    assert_eq!(rows[""], ["this run", "paper, SCN-4"]);
    assert_eq!(rows["test error"], ["6.25 %", "0.36 %"]);
    assert_eq!(rows["time to train"], ["1 min 0 s", "3 h"]);
    assert_eq!(rows["time for the test"], ["not known", "7 s"]);
    assert_eq!(rows["parameters"][1], "0.69M");
    assert_eq!(rows["test images"][1], "not given");
    assert!(!run.join("confusion.svg").exists() && run.join("atoms.svg").exists());
}

#[test]
fn a_damaged_run_folder_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let report = || {
        let mut command = scn();
        command
            .arg("report")
            .arg(&run)
            .arg("--data")
            .arg(folder.path());
        command
    };
    fails(&mut report(), &["expected a run folder", "config.toml"]);
    mnist_run(&run);
    let spoiled = |file: &str, content: &str, says: &[&str]| {
        let whole = std::fs::read(run.join(file)).unwrap();
        std::fs::write(run.join(file), content).unwrap();
        fails(&mut report(), says);
        std::fs::write(run.join(file), whole).unwrap();
    };
    spoiled("config.toml", "dataset = 3", &["config.toml"]);
    spoiled("metrics.jsonl", "", &["no epoch is complete"]);
    let record = read(run.join("metrics.jsonl"));
    let (half, _) = record.split_at(record.len() / 2);
    spoiled(
        "metrics.jsonl",
        &format!("{record}\n{half}"),
        &["metrics.jsonl: line 2", "epoch"],
    );
    let few = record.split("},{").next().unwrap().to_string() + "}]}";
    spoiled(
        "metrics.jsonl",
        &few,
        &["metrics.jsonl", "found 1 in epoch 1"],
    );
    spoiled("model.safetensors", "x", &["model.safetensors"]);
    let config = read(run.join("config.toml"));
    let other = config.replacen("atoms = 8\n", "atoms = 9\n", 1);
    spoiled(
        "config.toml",
        &other,
        &["model.safetensors", "found another"],
    );
    std::fs::remove_file(run.join("model.safetensors")).unwrap();
    fails(&mut report(), &["model.safetensors"]);
    assert!(!run.join("report.html").exists());
}

#[test]
fn a_browser_shows_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_small(&run, &[]).assert().success();
    page::browse(&run.join("report.html"), &[1100, 390]);
}
