//! The page on all rows of the paper that were trained again.

use std::path::Path;

use anyhow::Result;
use scn_net::{EpochRecord, Network, RunConfig};

use super::contents::{
    learning_curve, percent, rate, thousands, time, training_rate, training_time,
};
use super::document::{Block, Document, Figure, Table};
use super::{paper, write};

/// Rows of the paper, trained again on a budget.
pub(crate) struct Reproduction<'a> {
    pub(crate) title: String,
    /// What the budget is.
    pub(crate) budget: &'a str,
    pub(crate) rows: &'a [Row],
}

/// A row of the paper.
pub(crate) struct Row {
    pub(crate) config: RunConfig,
    /// So far.
    pub(crate) history: Vec<EpochRecord>,
    /// Why there is no more.
    pub(crate) failure: Option<String>,
}

impl Row {
    /// Its network, by the name of the preset.
    pub(crate) fn name(&self) -> String {
        let preset = self.config.preset.clone();
        preset.unwrap_or_else(|| self.config.dataset.to_string())
    }

    /// Whether it has all its epochs.
    pub(crate) fn finished(&self) -> bool {
        self.history.len() as u64 >= self.config.training.epochs
    }

    /// The test error after the last epoch.
    pub(crate) fn test_error(&self) -> Option<f64> {
        self.history.last().map(|record| record.test_error)
    }

    /// The same in the paper.
    pub(crate) fn published_error(&self) -> Option<f64> {
        paper::result(&self.name())?.test_error
    }

    /// How far it has come.
    fn state(&self) -> String {
        let (done, all) = (self.history.len(), self.config.training.epochs);
        match &self.failure {
            _ if self.finished() => format!("{all} epochs"),
            Some(_) => format!("{done} of {all} epochs, failed"),
            None => format!("{done} of {all} epochs"),
        }
    }
}

impl Reproduction<'_> {
    /// Writes the page into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        write(&self.document()?, folder).map(drop)
    }

    fn document(&self) -> Result<Document> {
        let mut blocks = vec![
            Block::Text(self.budget.to_string()),
            Block::Table(self.table()?),
            Block::Text(format!(
                "The paper is arXiv 1701.08349; its times are those of {}. The folder of each network has a page of its own.",
                paper::MACHINE
            )),
        ];
        // Not in the table, whose cells they would stretch.
        let failures = self.rows.iter().filter_map(|row| {
            let failure = row.failure.as_ref()?;
            Some(Block::Text(format!("{}: {failure}", row.name())))
        });
        blocks.extend(failures);
        let begun = self.rows.iter().filter(|row| !row.history.is_empty());
        for (index, row) in begun.enumerate() {
            if index == 0 {
                blocks.push(Block::Heading("Learning curves"));
            }
            blocks.push(Block::Text(row.name()));
            blocks.push(Block::Figure(Figure {
                file: format!("{}.svg", row.name()),
                ..learning_curve(&row.history)?
            }));
        }
        Ok(Document {
            title: self.title.clone(),
            blocks,
        })
    }

    fn table(&self) -> Result<Table> {
        let columns = [
            "network",
            "test error",
            "paper",
            "parameters",
            "paper",
            "time to train",
            "paper",
            "images/s",
            "paper",
            "state",
        ];
        let mut table = Table::new("Results beside the paper's", &columns);
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_string());
        for row in self.rows {
            let published = paper::result(&row.name());
            let network = Network::new(&row.config.network, row.config.seed)?;
            let parameters = published.and_then(|row| row.parameters);
            let hours = published.and_then(|row| row.hours);
            table.push([
                row.name(),
                or_none(row.test_error().map(percent)),
                or_none(row.published_error().map(percent)),
                thousands(network.parameter_count()),
                or_none(parameters.map(|millions| format!("{millions} M"))),
                or_none(training_time(&row.history).map(time)),
                or_none(hours.map(|hours| format!("{hours} h"))),
                or_none(training_rate(&row.history).map(rate)),
                or_none(published.and_then(|row| row.images_per_second).map(rate)),
                row.state(),
            ]);
        }
        Ok(table)
    }
}
