//! The summary printed at the end of `scn reproduce`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use scn_data::DataSource;
use serde::Serialize;

use crate::readable::{percent, thousands};
use crate::report::{Change, Row};
use crate::table::{Table, left, right, wrapped};

/// The output of `scn reproduce --json`.
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
    /// Numbers of training and test images, if known.
    train_images: Option<usize>,
    test_images: Option<usize>,
    test_error: Option<f64>,
    lowest_test_error: Option<f64>,
    paper_test_error: Option<f64>,
    /// Settings that differ from the paper's.
    changed: Vec<Change>,
    /// The same as sentences, along with missing epochs and images; empty for a complete run with
    /// the paper's settings.
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

    /// Formats the summary for a terminal.
    pub(super) fn describe(&self) -> String {
        let percent = |error: Option<f64>| error.map_or("-".to_string(), percent);
        let count = |images: Option<usize>| images.map_or("-".to_string(), thousands);
        let mut table = Table::new([
            left("network"),
            right("test error"),
            right("lowest"),
            right("paper"),
            right("epochs"),
            right("trained on"),
            right("tested on"),
        ]);
        for row in &self.rows {
            table.push([
                row.preset.clone(),
                percent(row.test_error),
                percent(row.lowest_test_error),
                percent(row.paper_test_error),
                format!("{} of {}", row.epochs, row.planned_epochs),
                count(row.train_images),
                count(row.test_images),
            ]);
        }
        let mut lines = table.lines().into_iter();
        let mut text = lines.next().unwrap_or_default();
        for (row, line) in self.rows.iter().zip(lines) {
            let differences = row.differences.join("; ");
            text.push_str(&format!("\n{line}"));
            if !differences.is_empty() {
                let line = wrapped(&format!("    {differences}"), "    ");
                text.push_str(&format!("\n{line}"));
            }
        }
        text.push_str(&format!("\nreport {}", self.report.display()));
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
