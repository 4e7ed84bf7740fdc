//! The comparison of several runs.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use scn_data::DataSource;
use scn_net::{EpochRecord, RunFolder};
use serde::Serialize;

use super::names::distinct;
use super::place::{expect_no_other_run, made, written};
use crate::output::Output;
use crate::report::{Compared, chosen_by, write_comparison};
use crate::run_files::{read_config, read_history};

/// The output of `scn report --json` for several runs.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    report: PathBuf,
    files: Vec<String>,
    runs: Vec<RunSummary<'a>>,
}

#[derive(Debug, Serialize)]
struct RunSummary<'a> {
    run: &'a Path,
    /// Name of the run in the comparison.
    name: &'a str,
    dataset: &'a DataSource,
    epochs: u64,
    planned_epochs: u64,
    /// None until the first epoch is complete, like all fields below.
    best_epoch: Option<u64>,
    /// The images that chose the best epoch: "validation" or "test".
    chosen_by: Option<&'static str>,
    /// Validation error of the best epoch.
    validation_error: Option<f64>,
    best_test_error: Option<f64>,
    /// Test error after the last epoch.
    test_error: Option<f64>,
    train_error: Option<f64>,
    /// Total time of all training steps.
    seconds: Option<f64>,
}

/// Writes the comparison of these runs to a folder.
pub(super) fn compare(paths: &[PathBuf], out: &Path, output: &Output) -> Result<()> {
    expect_no_other_run(out, None)?;
    let mut runs = Vec::new();
    for (path, name) in paths.iter().zip(distinct(paths)?) {
        let folder = RunFolder::new(path);
        let config = read_config(&folder)?;
        // A run has no records until its first epoch is complete.
        let history = match folder.metrics().exists() {
            true => read_history(&folder)?,
            false => Vec::new(),
        };
        if history.is_empty() {
            output.warn(format_args!("{}: no epoch is complete yet", path.display()));
        }
        runs.push(Compared {
            name,
            config,
            history,
        });
    }
    if runs.iter().all(|run| run.history.is_empty()) {
        bail!("no run has a complete epoch yet");
    }
    let summary = Summary {
        files: write_comparison(&runs, made(out)?)?,
        report: out.join("report.html"),
        runs: paths.iter().zip(&runs).map(RunSummary::of).collect(),
    };
    output.result(&summary, || written(&summary.report, &summary.files))
}

impl<'a> RunSummary<'a> {
    fn of((path, run): (&'a PathBuf, &'a Compared)) -> Self {
        let best = run.best();
        let last: Option<&EpochRecord> = run.history.last();
        Self {
            run: path,
            name: &run.name,
            dataset: &run.config.dataset,
            epochs: run.epochs_done(),
            planned_epochs: run.config.training.epochs,
            best_epoch: best.map(|(record, _)| record.epoch),
            chosen_by: best.map(|(_, validated)| chosen_by(validated)),
            validation_error: best.and_then(|(record, _)| record.validation_error),
            best_test_error: best.map(|(record, _)| record.test_error),
            test_error: last.map(|record| record.test_error),
            train_error: last.map(|record| record.train_error),
            seconds: run.seconds(),
        }
    }
}
