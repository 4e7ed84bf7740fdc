//! The report on reproducing the paper's networks.

mod row;

use std::path::Path;

use anyhow::Result;
use scn_net::Network;

use super::curves::{self, Quantity};
use super::document::{Block, Document, Figure};
use super::files;
use super::history::{training_rate, training_time};
use super::paper::{self, Measure, PrintedTable};
use super::table::{Cell, Narrow, Table};
use crate::readable::{percent, rate, thousands, time};

pub(crate) use self::row::Row;

/// Placeholder for a missing value.
const NONE: &str = "–";

/// Networks of the paper, reproduced on a budget.
pub(crate) struct Reproduction<'a> {
    pub(crate) title: String,
    /// The name of the budget.
    pub(crate) budget: &'a str,
    /// Description of the budget and the limits of these runs.
    pub(crate) terms: String,
    /// The paper's tables that contain these networks.
    pub(crate) tables: &'a [&'static PrintedTable],
    pub(crate) rows: &'a [Row],
}

impl Reproduction<'_> {
    /// Writes the report to a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        files::write(&self.document()?, folder).map(drop)
    }

    fn document(&self) -> Result<Document> {
        let mut blocks = vec![
            Block::Text(self.terms.clone()),
            Block::Text(format!(
                "Columns named \"paper\" repeat the figures printed in arXiv 1701.08349, whose times were measured on {}. Columns \
                 named \"here\" show the result of each run after its last epoch and, below it, how the run differs from the \
                 paper's experiment. A result without such a list comes from a complete run with the paper's settings.",
                paper::MACHINE
            )),
        ];
        for &printed in self.tables {
            blocks.push(Block::Heading(printed.title));
            blocks.push(Block::Table(self.printed(printed)?));
            let remark = printed.remark.map(str::to_string);
            blocks.extend(remark.map(Block::Text));
        }
        blocks.push(Block::Heading("Runs"));
        blocks.push(Block::Table(self.runs()?));
        // Failures are not in the table, because they would stretch its cells.
        let failures = self.rows.iter().filter_map(|row| {
            let failure = row.failure.as_ref()?;
            Some(Block::Text(format!("{}: {failure}", row.preset)))
        });
        blocks.extend(failures);
        blocks.push(Block::Table(self.costs()?));
        blocks.push(Block::Text(
            "The folder of each network, named after its preset, contains its own report."
                .to_string(),
        ));
        blocks.extend(self.curves()?);
        Ok(Document {
            title: self.title.clone(),
            wide: true,
            blocks,
        })
    }

    /// Returns a table of the paper with the results of the runs beside its figures.
    fn printed(&self, printed: &PrintedTable) -> Result<Table> {
        let measure = match printed.measure {
            Measure::Error => "Test error",
            Measure::Accuracy => "Test accuracy",
        };
        let mut columns = ["method", "parameters", "layers"]
            .map(str::to_string)
            .to_vec();
        for &dataset in printed.datasets {
            // A single data set is already in the title.
            let of = match printed.datasets.len() {
                1 => String::new(),
                _ => format!("{}, ", paper::dataset(&dataset.into())),
            };
            columns.extend(["paper", "here"].map(|whose| format!("{of}{whose}")));
        }
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut table = Table::new(format!("{measure} in %"), &columns);
        table.narrow = Narrow::HoldsHeads;
        table.marked = (4..columns.len()).step_by(2).collect();
        for line in printed.lines {
            let mut cells: Vec<Cell> = [line.method, line.parameters, line.layers]
                .map(|text| Cell::Text(text.to_string()))
                .into();
            for (&dataset, figure) in printed.datasets.iter().zip(line.figures) {
                cells.push(Cell::Text(figure.to_string()));
                let preset = PrintedTable::preset(line, dataset);
                let row = self
                    .rows
                    .iter()
                    .find(|row| Some(&row.preset) == preset.as_ref());
                cells.push(match row {
                    Some(row) => result_cell(printed, row)?,
                    None => Cell::Text(String::new()),
                });
            }
            table.rows.push(cells);
        }
        Ok(table)
    }

    /// Returns the table of the runs, their conditions and their test errors.
    fn runs(&self) -> Result<Table> {
        let columns = [
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
        ];
        let mut table = Table::new("Runs and their test errors after the last epoch", &columns);
        table.narrow = Narrow::Stacks;
        table.marked = vec![7];
        for row in self.rows {
            let of = paper::images(&row.config.dataset);
            let text = [
                row.network().to_string(),
                paper::dataset(&row.config.dataset),
                self.budget.to_string(),
                row.config.seed.to_string(),
                row.epochs(),
                images(row.trained_on(), of.map(|[train, _]| train)),
                images(row.tested_on(), of.map(|[_, test]| test)),
                or_none(row.test_error().map(percent)),
                or_none(published_error(row).map(percent)),
                or_none(row.lowest_test_error().map(percent)),
            ];
            let mut cells: Vec<Cell> = text.into_iter().map(Cell::Text).collect();
            cells.push(differences(row)?);
            table.rows.push(cells);
        }
        Ok(table)
    }

    /// Returns the table of sizes and times.
    fn costs(&self) -> Result<Table> {
        let columns = [
            "network",
            "data set",
            "parameters",
            "paper",
            "training time",
            "paper",
            "images/s",
            "paper",
            "differences from the paper",
        ];
        let mut table = Table::new("Sizes and times of these runs", &columns);
        table.narrow = Narrow::Stacks;
        table.marked = vec![2, 4, 6];
        for row in self.rows {
            let published = row.published();
            let network = Network::new(&row.config.network, row.config.seed)?;
            let parameters = published.map(|row| row.parameters.to_string());
            let hours = published.and_then(|row| row.hours);
            let text = [
                row.network().to_string(),
                paper::dataset(&row.config.dataset),
                thousands(network.parameter_count()),
                or_none(parameters),
                or_none(training_time(&row.history).map(time)),
                or_none(hours.map(|hours| format!("{hours} h"))),
                or_none(training_rate(&row.history).map(rate)),
                or_none(published.and_then(|row| row.images_per_second).map(rate)),
            ];
            let mut cells: Vec<Cell> = text.into_iter().map(Cell::Text).collect();
            cells.push(differences(row)?);
            table.rows.push(cells);
        }
        Ok(table)
    }

    fn curves(&self) -> Result<Vec<Block>> {
        let begun = self.rows.iter().filter(|row| !row.history.is_empty());
        let curve = |row: &Row| {
            let mut caption = format!(
                "{} on {}",
                row.network(),
                paper::dataset(&row.config.dataset)
            );
            let notes = row.differences()?;
            if !notes.is_empty() {
                caption.push_str(&format!(": {}", notes.join("; ")));
            }
            let figure = Figure {
                file: format!("{}.svg", row.preset),
                ..curves::of_one(Quantity::Error, &row.config.training, &row.history)?
            };
            Ok((caption, figure))
        };
        let figures: Vec<_> = begun.map(curve).collect::<Result<_>>()?;
        if figures.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![
            Block::Heading("Learning curves"),
            Block::Figures(figures),
        ])
    }
}

/// Returns the result of a run in the unit of a table, with the differences from the paper below
/// it.
fn result_cell(printed: &PrintedTable, row: &Row) -> Result<Cell> {
    Ok(match row.test_error() {
        Some(error) => Cell::Noted {
            text: printed.figure(error),
            notes: row.differences()?,
        },
        None => Cell::Noted {
            text: NONE.to_string(),
            notes: vec![row.state()],
        },
    })
}

fn differences(row: &Row) -> Result<Cell> {
    let notes = row.differences()?;
    Ok(if notes.is_empty() {
        Cell::Text("none".to_string())
    } else {
        Cell::Noted {
            text: String::new(),
            notes,
        }
    })
}

fn published_error(row: &Row) -> Option<f64> {
    row.published()?.test_error
}

/// Formats a number of images, with the size of the data set if it differs.
fn images(count: Option<usize>, whole: Option<usize>) -> String {
    match (count, whole) {
        (None, _) => "unknown".to_string(),
        (Some(count), Some(whole)) if count != whole => {
            format!("{} of {}", thousands(count), thousands(whole))
        }
        (Some(count), _) => thousands(count),
    }
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| NONE.to_string())
}
