//! `scn report`: the content of its pages, checked by strict parsers and by a browser.

use std::collections::BTreeMap;
use std::path::Path;

use roxmltree::{Document, Node};
use scn_net::{EpochRecord, Model, ModelInput, Network};

use crate::mistakes::fails;
use crate::page::{self, all, check_page, parse, read, text};
use crate::plot::Plot;
use crate::{json, made, scn, train_small};

const PLOTS: [&str; 6] = [
    "learning-curve.svg",
    "loss-curve.svg",
    "active-share.svg",
    "atoms.svg",
    "confusion.svg",
    "mistakes.svg",
];

fn headings(page: &Document) -> Vec<String> {
    all(page, "h2").into_iter().map(text).collect()
}

#[test]
fn a_report_is_self_contained_and_the_same_in_markdown() {
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
        "{wrong} of 40 test images are misclassified: {:.2} %",
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

    // A second report is equal except for measured times.
    let timed = |page: &str| -> Vec<String> {
        let lines = page
            .lines()
            .filter(|line| !line.contains("test images/s") && !line.contains("test time"));
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

/// Writes a run of SCN-4 on MNIST: its files, without images.
fn mnist_run(run: &Path) {
    let config = made::run(run, "mnist-scn4", &[made::epoch(0.125, 0.0625)]);
    let input = ModelInput::new(config.dataset);
    let model = Model::new(Network::new(&config.network, 0).unwrap(), input);
    model.save(&run.join("model.safetensors")).unwrap();
}

#[test]
fn without_images_the_rest_is_compared_with_the_paper() {
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
    assert_eq!(rows["training time"], ["1 min 0 s", "3 h"]);
    assert_eq!(rows["test time"], ["unknown", "7 s"]);
    assert_eq!(rows["parameters"][1], "0.69M");
    assert_eq!(rows["test images"][1], "not reported");
    assert!(!run.join("confusion.svg").exists() && run.join("atoms.svg").exists());
}

#[test]
fn a_damaged_run_folder_is_a_one_line_error() {
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

/// Reports a run of SCN-1 on MNIST with these epochs, to a different folder.
fn reported(folder: &Path, epochs: &[EpochRecord]) -> std::path::PathBuf {
    let (run, out) = (folder.join("run"), folder.join("out"));
    let config = made::run(&run, "mnist-scn1", epochs);
    let input = ModelInput::new(config.dataset);
    let model = Model::new(Network::new(&config.network, 0).unwrap(), input);
    model.save(&run.join("model.safetensors")).unwrap();
    let mut command = scn();
    command.arg("report").arg(&run).arg("--out").arg(&out);
    json(command.arg("--data").arg(folder));
    // The run folder is unchanged.
    assert!(!run.join("report.html").exists());
    out
}

/// The error axis is logarithmic. Vertical lines mark drops of the learning rate, which the preset
/// has after epochs 10 and 20 of 25, and a ring marks the lowest test error.
#[test]
fn curves_are_logarithmic_and_marked() {
    let folder = tempfile::tempdir().unwrap();
    let errors = [
        0.5, 0.4, 0.2, 0.1, 0.08, 0.05, 0.04, 0.03, 0.02, 0.01, 0.002, 0.003,
    ];
    let out = reported(
        folder.path(),
        &errors.map(|error| made::epoch(2.0 * error, error)),
    );
    for file in ["learning-curve.svg", "loss-curve.svg"] {
        let plot = Plot::read(&out.join(file));
        let values = plot.values();
        assert!(values.len() >= 3, "{values:?}");
        // Equal ratios are equally far apart; each label is rounded to a pixel.
        let (first, last) = (values[0], values[values.len() - 1]);
        let scale = (first.1 - last.1) / (last.0 / first.0).ln();
        for (value, height) in &values {
            let expected = first.1 - scale * (value / first.0).ln();
            assert!((height - expected).abs() <= 2.0, "{file}: {values:?}");
        }
        let numbers = plot.numbers();
        let place = |epoch: f64| {
            let ((one, left), (other, right)) = (numbers[0], numbers[numbers.len() - 1]);
            left + (epoch - one) / (other - one) * (right - left)
        };
        let rules = plot.lines("#8A919C");
        let rules: Vec<_> = rules
            .iter()
            .filter(|line| (line[0].1 - line[1].1).abs() > 100.0)
            .collect();
        assert_eq!(rules.len(), 1, "{file}");
        assert_eq!(rules[0][0].0, rules[0][1].0);
        assert!(
            (rules[0][0].0 - place(10.0)).abs() <= 1.0,
            "{file}: {rules:?} {numbers:?}"
        );
        let rings = plot.rings("#B4451A");
        let ring = rings.last().unwrap();
        assert!((ring.0 - place(11.0)).abs() <= 1.0, "{file}: {rings:?}");
        let description = plot.description();
        for part in [
            "lowest test error: epoch 11",
            "learning rate × 0.1 after epoch 10",
            "logarithmic",
        ] {
            assert!(description.contains(part), "{description}");
        }
    }
    let page = read(out.join("report.md"));
    assert!(
        page.contains("the lowest was 0.20 % after epoch 11"),
        "{page}"
    );
}

#[test]
fn the_validation_error_has_its_curve() {
    let folder = tempfile::tempdir().unwrap();
    let validated = |error: f64, validation| {
        let mut record = made::epoch(error, error);
        record.validation_error = Some(validation);
        record.validation_loss = Some(validation);
        record
    };
    let epochs = [
        validated(0.5, 0.4),
        validated(0.2, 0.3),
        validated(0.1, 0.35),
    ];
    let out = reported(folder.path(), &epochs);
    let plot = Plot::read(&out.join("learning-curve.svg"));
    let description = plot.description();
    assert!(
        description.contains(
            "validation, dashed, from 40.00 % to 35.00 %; test, solid, from 50.00 % to 10.00 %"
        ) && description.contains("chosen by validation: epoch 2"),
        "{description}"
    );
    assert!(plot.texts().iter().any(|(text, _)| text == "validation"));
    assert_eq!(plot.points("#1F6FB4").len(), 3);
    assert!(!plot.rings("#1F6FB4").is_empty());
}

/// A single epoch is drawn as a point.
#[test]
fn one_epoch_is_a_point() {
    let folder = tempfile::tempdir().unwrap();
    let out = reported(folder.path(), &[made::epoch(0.3, 0.2)]);
    for file in ["learning-curve.svg", "loss-curve.svg"] {
        let plot = Plot::read(&out.join(file));
        // One in the plot, and one in the legend.
        assert_eq!(plot.points("#B4451A").len(), 2, "{file}");
        assert_eq!(plot.rings("#5F6B7A").len(), 2, "{file}");
        for colour in ["#B4451A", "#5F6B7A"] {
            let mut lines = plot.lines(colour).into_iter();
            assert!(lines.all(|line| line.len() < 2), "{file}");
        }
        let numbers: Vec<f64> = plot.numbers().iter().map(|number| number.0).collect();
        assert_eq!(numbers, [1.0], "{file}");
    }
    let shares = Plot::read(&out.join("active-share.svg"));
    assert_eq!(shares.points("#B4451A").len(), 14 + 1);
    assert_eq!(shares.numbers().len(), 14);
}

/// Layers are categories, so no line connects them.
#[test]
fn no_line_connects_layers() {
    let folder = tempfile::tempdir().unwrap();
    let out = reported(
        folder.path(),
        &[0.3, 0.2].map(|error| made::epoch(error, error)),
    );
    let shares = Plot::read(&out.join("active-share.svg"));
    for colour in ["#B4451A", "#5F6B7A"] {
        for line in shares.lines(colour) {
            assert!(line.iter().all(|point| point.0 == line[0].0), "{line:?}");
        }
    }
    assert_eq!(shares.points("#B4451A").len(), 14 + 1);
}

/// The page and all plots on it use one font.
#[test]
fn a_page_has_one_font() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_small(&run, &[]).assert().success();
    let source = read(run.join("report.html"));
    let page = parse(&source);
    let style = text(all(&page, "style")[0]);
    let body = style
        .lines()
        .find(|line| line.starts_with("body {"))
        .unwrap();
    let mut found = 0;
    for node in page.descendants() {
        if let Some(font) = node.attribute("font-family") {
            assert!(body.contains(&format!(" {font};")), "{font} in {body}");
            found += 1;
        }
    }
    assert!(found > 20);
}

#[test]
fn a_browser_shows_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_small(&run, &[]).assert().success();
    page::browse(&run.join("report.html"), &[1100, 390]);
}
