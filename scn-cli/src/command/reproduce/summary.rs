//! What `scn reproduce` says at its end.

use std::path::{Path, PathBuf};

use anyhow::Result;
use scn_data::DataSource;
use serde::Serialize;

use crate::report::{Change, Row};

/// Columns of a terminal.
const WIDTH: usize = 80;

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    report: PathBuf,
    budget: &'static str,
    rows: Vec<RowSummary>,
}

#[derive(Debug, Serialize)]
struct RowSummary {
    preset: String,
    network: String,
    dataset: DataSource,
    seed: u64,
    finished: bool,
    epochs: usize,
    planned_epochs: u64,
    train_limit: Option<usize>,
    test_limit: Option<usize>,
    /// Images of an epoch and of a test, where known.
    train_images: Option<usize>,
    test_images: Option<usize>,
    test_error: Option<f64>,
    lowest_test_error: Option<f64>,
    paper_test_error: Option<f64>,
    /// Settings that are not the paper's.
    changed: Vec<Change>,
    /// The same as sentences, with missing epochs and images; empty for a complete run with the
    /// paper's settings.
    differences: Vec<String>,
    failure: Option<String>,
}

impl Summary {
    pub(super) fn of(report: &Path, budget: &'static str, rows: &[Row]) -> Result<Self> {
        Ok(Self {
            report: report.to_path_buf(),
            budget,
            rows: rows.iter().map(RowSummary::of).collect::<Result<_>>()?,
        })
    }

    /// For a terminal.
    pub(super) fn describe(&self) -> String {
        let percent = |error: Option<f64>| match error {
            Some(error) => format!("{:.2} %", 100.0 * error),
            None => "-".to_string(),
        };
        let count = |images: Option<usize>| images.map_or("-".to_string(), |n| n.to_string());
        let line = |cells: [&str; 7]| {
            let [network, error, lowest, paper, epochs, trained, tested] = cells;
            format!(
                "{network:<13} {error:>10} {lowest:>9} {paper:>9} {epochs:>11} {trained:>10} {tested:>9}\n"
            )
        };
        let mut text = line([
            "network",
            "test error",
            "lowest",
            "paper",
            "epochs",
            "trained on",
            "tested on",
        ]);
        for row in &self.rows {
            text.push_str(&line([
                &row.preset,
                &percent(row.test_error),
                &percent(row.lowest_test_error),
                &percent(row.paper_test_error),
                &format!("{} of {}", row.epochs, row.planned_epochs),
                &count(row.train_images),
                &count(row.test_images),
            ]));
            text.push_str(&wrapped(&row.differences.join("; "), "    "));
        }
        text.push_str(&format!("report {}", self.report.display()));
        text
    }
}

impl RowSummary {
    fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            preset: row.preset.clone(),
            network: row.network().to_string(),
            dataset: row.config.dataset.clone(),
            seed: row.config.seed,
            finished: row.finished(),
            epochs: row.history.len(),
            planned_epochs: row.config.training.epochs,
            train_limit: row.config.train_limit,
            test_limit: row.config.test_limit,
            train_images: row.trained_on(),
            test_images: row.tested_on(),
            test_error: row.test_error(),
            lowest_test_error: row.lowest_test_error(),
            paper_test_error: row.published().and_then(|row| row.test_error),
            changed: row.changes()?,
            differences: row.differences()?,
            failure: row.failure.clone(),
        })
    }
}

/// A text in lines that a terminal holds, each indented; nothing for an empty text.
fn wrapped(text: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let taken = indent.chars().count() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && taken > WIDTH {
            lines.push_str(&format!("{indent}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push_str(&format!("{indent}{line}\n"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        assert_eq!(wrapped("", "    "), "");
        assert_eq!(wrapped("a b", "    "), "    a b\n");
        let words = ["training.momentum"; 12].join(" ");
        let text = wrapped(&words, "    ");
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        assert_eq!(text.lines().count(), 3);
        assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), words);
    }
}
