//! The report that compares several runs.

use std::path::Path;

use anyhow::Result;
use scn_net::{EpochRecord, Network, RunConfig};

use super::changes::differing;
use super::curves::{self, Course, Quantity};
use super::document::{Block, Document, Figure};
use super::files;
use super::history::{Best, training_rate, training_time};
use super::table::{Cell, Narrow, Table};
use crate::readable::{percent, rate, thousands, time};

/// Placeholder for a missing value.
const NONE: &str = "–";

/// The settings and records of a run.
#[derive(Debug)]
pub(crate) struct Compared {
    /// Name of the run, which is unique in the comparison.
    pub(crate) name: String,
    pub(crate) config: RunConfig,
    pub(crate) history: Vec<EpochRecord>,
}

impl Compared {
    pub(crate) fn best(&self) -> Option<(&EpochRecord, bool)> {
        Best::of(&self.history).map(|best| (best.record, best.validated))
    }

    pub(crate) fn epochs_done(&self) -> u64 {
        self.history.last().map_or(0, |record| record.epoch)
    }

    /// Returns the total time of all training steps in seconds, if known.
    pub(crate) fn seconds(&self) -> Option<f64> {
        training_time(&self.history)
    }
}

/// Writes the report to a folder, and returns the names of its files.
pub(crate) fn write(runs: &[Compared], folder: &Path) -> Result<Vec<String>> {
    files::write(&document(runs)?, folder)
}

fn document(runs: &[Compared]) -> Result<Document> {
    let datasets = datasets(runs);
    let on = match datasets.as_slice() {
        [dataset] => format!(" on {dataset}"),
        _ => String::new(),
    };
    let mut blocks: Vec<Block> = Vec::new();
    for dataset in &datasets {
        blocks.extend(lowest(runs, dataset).map(Block::Text));
    }
    if datasets.len() > 1 {
        blocks.push(Block::Text(format!(
            "The runs are on different data sets ({}). Only errors on the same data set can be compared.",
            datasets.join(", ")
        )));
    }
    blocks.push(Block::Heading("Runs"));
    blocks.push(Block::Table(results(runs)?));
    blocks.push(Block::Text(
        "The best epoch is the one with the lowest validation error, if a run has validation images. \
         Otherwise it is the one with the lowest test error. That error is then optimistic, because \
         the test images themselves chose the epoch."
            .to_string(),
    ));
    blocks.push(Block::Heading("Learning curves"));
    blocks.push(Block::Figures(curves(runs, &datasets)?));
    blocks.push(Block::Heading("Settings that differ"));
    blocks.push(settings(runs)?);
    blocks.push(Block::Text(format!(
        "Written by scn {}.",
        env!("CARGO_PKG_VERSION")
    )));
    Ok(Document {
        title: format!("{} runs{on}", runs.len()),
        wide: true,
        blocks,
    })
}

/// Plots error and loss of the runs on each data set.
fn curves(runs: &[Compared], datasets: &[String]) -> Result<Vec<(String, Figure)>> {
    let mut figures = Vec::new();
    for dataset in datasets {
        let numbered = runs.iter().enumerate();
        let on_it = numbered.filter(|(_, run)| run.config.dataset.to_string() == *dataset);
        let courses: Vec<Course> = on_it
            .map(|(index, run)| Course {
                number: index + 1,
                name: &run.name,
                training: &run.config.training,
                history: &run.history,
            })
            .collect();
        if courses.iter().all(|course| course.history.is_empty()) {
            continue;
        }
        let index = figures.len() / 2;
        for quantity in [Quantity::Error, Quantity::Loss] {
            let caption = match datasets.len() {
                1 => quantity.name().to_string(),
                _ => format!("{} on {dataset}", quantity.name()),
            };
            figures.push((caption, curves::of_several(quantity, &courses, index)?));
        }
    }
    Ok(figures)
}

/// Returns the data sets of the runs, without duplicates.
fn datasets(runs: &[Compared]) -> Vec<String> {
    let mut all = Vec::new();
    for run in runs {
        let dataset = run.config.dataset.to_string();
        if !all.contains(&dataset) {
            all.push(dataset);
        }
    }
    all
}

/// Returns a sentence on the run with the lowest test error on a data set, at its best epoch.
fn lowest(runs: &[Compared], dataset: &str) -> Option<String> {
    let on_it = runs
        .iter()
        .filter(|run| run.config.dataset.to_string() == dataset);
    let tested = on_it.filter_map(|run| Some((run, Best::of(&run.history)?.record)));
    let (run, best) = tested.min_by(|(_, a), (_, b)| a.test_error.total_cmp(&b.test_error))?;
    Some(format!(
        "Lowest test error on {dataset}: {} ({}, after epoch {}).",
        percent(best.test_error),
        run.name,
        best.epoch
    ))
}

/// Returns the table with a row for each run.
fn results(runs: &[Compared]) -> Result<Table> {
    let validated = runs
        .iter()
        .any(|run| Best::of(&run.history).is_some_and(|best| best.validated));
    let several = datasets(runs).len() > 1;
    let mut columns = vec!["run", "curve"];
    // A single data set is already in the title.
    if several {
        columns.push("data set");
    }
    columns.extend(["epochs", "best epoch", "chosen by"]);
    if validated {
        columns.push("validation error, best epoch");
    }
    let marked = columns.len();
    columns.extend(["test error, best epoch", "test error, last epoch"]);
    let averages = |run: &Compared| run.config.training.average_decay.is_some();
    let averaged = runs.iter().any(averages);
    if averaged {
        columns.push("test error, averaged weights");
    }
    columns.extend([
        "training error, last epoch",
        "training time",
        "images/s",
        "parameters",
    ]);
    let mut table = Table::new("Results of the runs", &columns);
    table.narrow = Narrow::Stacks;
    table.marked = vec![marked];
    for (index, run) in runs.iter().enumerate() {
        let best = Best::of(&run.history);
        let last = run.history.last();
        let or_none = |text: Option<String>| text.unwrap_or_else(|| NONE.to_string());
        let mut cells = vec![run.name.clone(), (index + 1).to_string()];
        if several {
            cells.push(run.config.dataset.to_string());
        }
        cells.extend([
            format!("{} of {}", run.epochs_done(), run.config.training.epochs),
            or_none(best.map(|best| best.record.epoch.to_string())),
            or_none(best.map(|best| chosen_by(best.validated).to_string())),
        ]);
        if validated {
            let error = best.and_then(|best| best.record.validation_error);
            cells.push(or_none(error.map(percent)));
        }
        let parameters = Network::new(&run.config.network, run.config.seed)?.parameter_count();
        cells.extend([
            or_none(best.map(|best| percent(best.record.test_error))),
            or_none(last.map(|record| percent(record.test_error))),
        ]);
        if averaged {
            let its = last.and_then(|record| record.averaged.as_ref());
            cells.push(or_none(its.map(|its| percent(its.test_error))));
        }
        cells.extend([
            or_none(last.map(|record| percent(record.train_error))),
            or_none(training_time(&run.history).map(time)),
            or_none(training_rate(&run.history).map(rate)),
            thousands(parameters),
        ]);
        table.push(cells);
    }
    Ok(table)
}

/// Returns the name of the images that chose an epoch.
pub(crate) fn chosen_by(validated: bool) -> &'static str {
    if validated { "validation" } else { "test" }
}

/// Returns a table with a row for each setting that differs between the runs.
fn settings(runs: &[Compared]) -> Result<Block> {
    let configs: Vec<&RunConfig> = runs.iter().map(|run| &run.config).collect();
    let differing = differing(&configs)?;
    if differing.is_empty() {
        let same = "All runs have the same settings.";
        return Ok(Block::Text(same.to_string()));
    }
    let names = runs.iter().map(|run| run.name.as_str());
    let columns: Vec<&str> = std::iter::once("setting").chain(names).collect();
    let mut table = Table::new("Settings that differ between the runs", &columns);
    table.narrow = Narrow::Stacks;
    for difference in differing {
        let values = difference.values.into_iter();
        let values = values.map(|value| value.unwrap_or_else(|| "not set".to_string()));
        let cells = std::iter::once(difference.setting).chain(values);
        table.rows.push(cells.map(Cell::Text).collect());
    }
    Ok(Block::Table(table))
}
