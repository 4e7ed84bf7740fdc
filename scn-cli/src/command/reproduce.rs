//! `scn reproduce`: the networks of the paper, trained again.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use scn_data::DatasetName;
use scn_net::{Checkpoint, Device, Outcome, RunFolder, Start, presets};
use serde::Serialize;

use crate::command::report::read_history;
use crate::output::Output;
use crate::report::{Reproduction, Row};
use crate::source::DataFolder;
use crate::training;

/// Trains the networks of the paper and puts the results beside the paper's.
///
/// Every network has a run folder of its own in OUT/BUDGET, and all have a page there, report.html, which is written after each. Started
/// again, the command skips what is complete and goes on with what is not. A network that fails, or whose data set is not there, does
/// not stop the others.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn reproduce table3 --data data --budget quick\n  scn reproduce all --data data --device cuda"
)]
pub(crate) struct Reproduce {
    /// What of the paper
    #[arg(value_enum)]
    what: What,
    #[command(flatten)]
    data: DataFolder,
    /// Folder of the run folders
    #[arg(long, value_name = "OUT", default_value = "reproduced")]
    out: PathBuf,
    /// How long networks are trained
    #[arg(long, value_enum, default_value_t = Budget::Full)]
    budget: Budget,
    /// Trains on so many images only; results are then no match for the paper's
    #[arg(long, value_name = "COUNT")]
    train_limit: Option<usize>,
    /// Tests on so many images only
    #[arg(long, value_name = "COUNT")]
    test_limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// CIFAR-10 and CIFAR-100: SCN-1, SCN-2 and SCN-4
    Table1,
    /// STL-10: SCN-4
    Table2,
    /// MNIST: SCN-4
    Table3,
    /// The learning curves of the networks of table 1
    Figure2,
    /// All of these
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Budget {
    /// A tenth of the paper's epochs, at least 3; all else as in the paper
    Quick,
    /// The paper's schedule
    Full,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    report: PathBuf,
    budget: &'static str,
    rows: Vec<RowSummary>,
}

#[derive(Debug, Serialize)]
struct RowSummary {
    preset: String,
    finished: bool,
    epochs: usize,
    test_error: Option<f64>,
    paper_test_error: Option<f64>,
    failure: Option<String>,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Table1 => "table 1",
            Self::Table2 => "table 2",
            Self::Table3 => "table 3",
            Self::Figure2 => "figure 2",
            Self::All => "all networks",
        }
    }

    fn presets(self) -> Vec<String> {
        let widths = |dataset: DatasetName| [1, 2, 4].map(|width| format!("{dataset}-scn{width}"));
        match self {
            Self::Table1 | Self::Figure2 => [DatasetName::Cifar10, DatasetName::Cifar100]
                .into_iter()
                .flat_map(widths)
                .collect(),
            Self::Table2 => vec![format!("{}-scn4", DatasetName::Stl10)],
            Self::Table3 => vec![format!("{}-scn4", DatasetName::Mnist)],
            Self::All => [Self::Table1, Self::Table2, Self::Table3]
                .into_iter()
                .flat_map(Self::presets)
                .collect(),
        }
    }
}

impl Budget {
    fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }

    fn epochs(self, paper: u64) -> u64 {
        match self {
            Self::Quick => (paper / 10).max(3),
            Self::Full => paper,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Quick => {
                "Quick budget: a tenth of the paper's epochs, at least 3, and all else as in the paper."
            }
            Self::Full => "Full budget: the paper's schedule.",
        }
    }
}

impl Reproduce {
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<()> {
        let folder = self.out.join(self.budget.name());
        let presets = self.what.presets();
        let rows = presets.iter().map(|preset| self.row(preset));
        let mut rows: Vec<Row> = rows.collect::<Result<_>>()?;
        for index in 0..rows.len() {
            let interrupted = self.complete(&mut rows[index], device, output);
            if let Some(failure) = &rows[index].failure {
                output.warn(format_args!("{}: {failure}", rows[index].name()));
            }
            self.page(&rows).write(&folder)?;
            if interrupted {
                output.say("the same command goes on");
                break;
            }
        }
        let summary = Summary {
            report: folder.join("report.html"),
            budget: self.budget.name(),
            rows: rows.iter().map(RowSummary::of).collect(),
        };
        output.result(&summary, || describe(&summary))?;
        let failed = rows.iter().filter(|row| row.failure.is_some()).count();
        if failed > 0 {
            bail!(
                "{failed} of {} networks failed; the same command tries them again",
                rows.len()
            );
        }
        Ok(())
    }

    fn page<'a>(&self, rows: &'a [Row]) -> Reproduction<'a> {
        Reproduction {
            title: format!("The paper's networks again: {}", self.what.name()),
            budget: self.budget.describe(),
            rows,
        }
    }

    /// The settings of a row, and how far it has come.
    fn row(&self, preset: &str) -> Result<Row> {
        let mut config = presets::get(preset)?;
        config.training.epochs = self.budget.epochs(config.training.epochs);
        config.train_limit = self.train_limit;
        config.test_limit = self.test_limit;
        let mut row = Row {
            config,
            history: Vec::new(),
            failure: None,
        };
        // A list that cannot be read does not stop the other rows; this one's checkpoint has it again.
        row.history = read_history(&self.folder(&row)).unwrap_or_default();
        Ok(row)
    }

    fn folder(&self, row: &Row) -> RunFolder {
        RunFolder::new(&self.out.join(self.budget.name()).join(row.name()))
    }

    /// Trains what is missing of a row. True if a person has stopped it; what fails is noted in the row.
    fn complete(&self, row: &mut Row, device: &Device, output: &Output) -> bool {
        let folder = self.folder(row);
        let outcome = match self.go_on(row, &folder, device, output) {
            Ok(outcome) => outcome,
            Err(error) => {
                row.failure = Some(format!("{error:#}"));
                None
            }
        };
        row.history = read_history(&folder).unwrap_or_default();
        matches!(outcome, Some(Outcome::Interrupted { .. }))
    }

    /// None if nothing is missing.
    fn go_on(
        &self,
        row: &Row,
        folder: &RunFolder,
        device: &Device,
        output: &Output,
    ) -> Result<Option<Outcome>> {
        let begun = folder.checkpoint().exists();
        if begun && Checkpoint::load(&folder.checkpoint())?.config != row.config {
            bail!(
                "{} holds a run with other settings; choose another folder by --out",
                folder.path().display()
            );
        }
        if row.finished() && folder.model().exists() {
            output.say(format_args!("{}: complete", row.name()));
            return Ok(None);
        }
        let data = self.data.open(row.config.dataset)?;
        let start = if begun { Start::Resume } else { Start::Fresh };
        let (outcome, _) = training::run(&row.config, folder, &data, start, device, output)?;
        Ok(Some(outcome))
    }
}

impl RowSummary {
    fn of(row: &Row) -> Self {
        Self {
            preset: row.name(),
            finished: row.finished(),
            epochs: row.history.len(),
            test_error: row.test_error(),
            paper_test_error: row.published_error(),
            failure: row.failure.clone(),
        }
    }
}

fn describe(summary: &Summary) -> String {
    let percent = |error: Option<f64>| match error {
        Some(error) => format!("{:.2} %", 100.0 * error),
        None => "-".to_string(),
    };
    let mut text = format!(
        "{:<16} {:>10} {:>10}   epochs\n",
        "network", "test error", "paper"
    );
    for row in &summary.rows {
        text.push_str(&format!(
            "{:<16} {:>10} {:>10}   {}{}\n",
            row.preset,
            percent(row.test_error),
            percent(row.paper_test_error),
            row.epochs,
            if row.finished { "" } else { ", not complete" }
        ));
    }
    text.push_str(&format!("report {}", summary.report.display()));
    text
}
