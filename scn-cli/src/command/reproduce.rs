//! `scn reproduce`: the networks of the paper, trained again.

mod summary;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use scn_data::DatasetName;
use scn_net::{Checkpoint, Device, Outcome, RunConfig, RunFolder, RunStart, presets};

use self::summary::Summary;
use crate::data_folder::DataFolder;
use crate::ending::{self, Ending};
use crate::model_file;
use crate::output::Output;
use crate::report::{PrintedTable, Reproduction, Row, TABLE_1, TABLE_2, TABLE_3};
use crate::run_files::read_history;
use crate::training;

/// Trains the networks of the paper and puts the results beside the paper's.
///
/// Every network has a run folder of its own in OUT/BUDGET, and all have a page there, report.html,
/// which is written after each: the paper's tables as printed, the results beside its own, and with
/// each result how its run differs from the paper's experiment. Started again, the command skips
/// what is complete and goes on with what is not. A network that fails, or whose data set is not
/// there, does not stop the others.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn reproduce table3 --data data --budget quick\n  scn reproduce all --data data --device cuda"
)]
pub(crate) struct Reproduce {
    /// Experiment of the paper
    #[arg(value_enum)]
    #[arg(value_name = "WHAT")]
    experiment: Experiment,
    #[command(flatten)]
    data: DataFolder,
    /// Folder of the run folders
    #[arg(long, value_name = "OUT", default_value = "reproduced")]
    out: PathBuf,
    /// How long networks are trained
    #[arg(long, value_enum, default_value_t = Budget::Full)]
    budget: Budget,
    /// Trains on so many images only; results are then no match for the paper's, and the page says
    /// so
    #[arg(long, value_name = "COUNT")]
    train_limit: Option<usize>,
    /// Tests on so many images only; likewise
    #[arg(long, value_name = "COUNT")]
    test_limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Experiment {
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
    /// A tenth of the paper's epochs, at least 3
    Quick,
    /// The paper's schedule
    Full,
}

impl Experiment {
    fn name(self) -> &'static str {
        match self {
            Self::Table1 => "table 1",
            Self::Table2 => "table 2",
            Self::Table3 => "table 3",
            Self::Figure2 => "figure 2",
            Self::All => "all networks",
        }
    }

    /// The paper's tables with these networks. Figure 2 has no numbers.
    fn tables(self) -> &'static [&'static PrintedTable] {
        match self {
            Self::Table1 => &[TABLE_1],
            Self::Table2 => &[TABLE_2],
            Self::Table3 => &[TABLE_3],
            Self::Figure2 => &[],
            Self::All => &[TABLE_1, TABLE_2, TABLE_3],
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
            Self::Quick => "Quick budget: a tenth of the paper's epochs, at least 3.",
            Self::Full => "Full budget: the paper's schedule.",
        }
    }
}

impl Reproduce {
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<Ending> {
        let folder = self.out.join(self.budget.name());
        let presets = self.experiment.presets();
        let rows = presets.iter().map(|preset| self.row(preset, output));
        let mut rows: Vec<Row> = rows.collect::<Result<_>>()?;
        let mut ending = Ending::Done;
        for index in 0..rows.len() {
            let interrupted = self.complete(&mut rows[index], device, output);
            if let Some(failure) = &rows[index].failure {
                output.warn(format_args!("{}: {failure}", rows[index].preset));
            }
            self.page(&rows)?.write(&folder)?;
            if interrupted {
                output.say("the same command goes on");
                ending = Ending::Stopped;
                break;
            }
        }
        let summary = Summary::of(&folder.join("report.html"), self.budget.name(), &rows)?;
        output.result(&summary, || summary.describe())?;
        let failed = rows.iter().filter(|row| row.failure.is_some()).count();
        if failed > 0 {
            bail!(
                "{failed} of {} networks failed; the same command tries them again",
                rows.len()
            );
        }
        Ok(ending)
    }

    fn page<'a>(&self, rows: &'a [Row]) -> Result<Reproduction<'a>> {
        Ok(Reproduction {
            title: format!("The paper's networks again: {}", self.experiment.name()),
            budget: self.budget.name(),
            terms: self.terms(rows)?,
            tables: self.experiment.tables(),
            rows,
        })
    }

    /// The budget and the limits of these runs in words, whatever was asked for: a run with other
    /// settings stays as it is.
    fn terms(&self, rows: &[Row]) -> Result<String> {
        let limit = |done: &str, of: fn(&RunConfig) -> Option<usize>| {
            let mut limits: Vec<_> = rows.iter().map(|row| of(&row.config)).collect();
            limits.sort_unstable();
            limits.dedup();
            match *limits {
                [] | [None] => None,
                [Some(limit)] => Some(format!("{done} at most {limit} images.")),
                _ => Some(format!(
                    "{done} fewer images than there are, for some networks."
                )),
            }
        };
        let mut paper_s = true;
        for row in rows {
            let mut paper = self.wanted(&row.preset)?;
            paper.train_limit = row.config.train_limit;
            paper.test_limit = row.config.test_limit;
            paper_s &= row.config == paper;
        }
        let rest = match paper_s {
            true => "All other settings are the paper's.",
            false => "Some runs have other settings, which are listed with their results.",
        };
        let sentences = [
            Some(self.budget.describe().to_string()),
            limit("Training uses", |config| config.train_limit),
            limit("Tests use", |config| config.test_limit),
            Some(rest.to_string()),
        ];
        Ok(sentences
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "))
    }

    /// The settings that a network is to be trained with.
    fn wanted(&self, preset: &str) -> Result<RunConfig> {
        let mut config = presets::get(preset)?;
        config.training.epochs = self.budget.epochs(config.training.epochs);
        config.train_limit = self.train_limit;
        config.test_limit = self.test_limit;
        Ok(config)
    }

    /// A network, and how far the run in its folder has come.
    fn row(&self, preset: &str, output: &Output) -> Result<Row> {
        let mut row = Row {
            preset: preset.to_string(),
            config: self.wanted(preset)?,
            history: Vec::new(),
            images: None,
            failure: None,
        };
        let folder = self.folder(preset);
        if folder.checkpoint().exists() {
            match Checkpoint::load(&folder.checkpoint()) {
                // Experiment is shown are the settings of this run, even if others are wanted.
                Ok(checkpoint) => {
                    let path = folder.checkpoint();
                    model_file::warn_if_unchecked(&checkpoint.model, &path, output);
                    row.config = checkpoint.config;
                }
                Err(error) => {
                    row.failure = Some(format!("{:#}", anyhow::Error::from(error)));
                    return Ok(row);
                }
            }
            // A list that cannot be read does not stop the other rows; this one's checkpoint has it
            // again.
            row.history = read_history(&folder).unwrap_or_default();
        }
        Ok(row)
    }

    fn folder(&self, preset: &str) -> RunFolder {
        RunFolder::new(&self.out.join(self.budget.name()).join(preset))
    }

    /// Trains what is missing of a row. True if a person has stopped it; what fails is noted in the
    /// row.
    fn complete(&self, row: &mut Row, device: &Device, output: &Output) -> bool {
        if row.failure.is_some() {
            return false;
        }
        let folder = self.folder(&row.preset);
        let outcome = match self.begin_or_resume(row, &folder, device, output) {
            Ok(outcome) => outcome,
            Err(error) => {
                row.failure = Some(format!("{error:#}"));
                None
            }
        };
        if folder.checkpoint().exists() {
            row.history = read_history(&folder).unwrap_or_default();
        }
        // Also where a signal came so late that all epochs of this network are done.
        ending::asked_to_stop().is_some()
            || matches!(
                outcome,
                Some(Outcome::Interrupted { .. } | Outcome::NotBegun)
            )
    }

    /// None if nothing is missing.
    fn begin_or_resume(
        &self,
        row: &mut Row,
        folder: &RunFolder,
        device: &Device,
        output: &Output,
    ) -> Result<Option<Outcome>> {
        let data = self.data.open(&row.config.dataset, &row.config.reading());
        row.images = data
            .as_ref()
            .ok()
            .map(|data| [data.train.len(), data.test.len()]);
        if row.config != self.wanted(&row.preset)? {
            bail!(
                "{} holds a run with other settings; choose another folder by --out",
                folder.path().display()
            );
        }
        // Written in this order, after the checkpoint: model, metrics, report.
        let report = folder.path().join("report.html");
        if row.finished() && folder.model().exists() && report.exists() {
            output.say(format_args!("{}: complete", row.preset));
            return Ok(None);
        }
        let run = folder.lock()?;
        let start = if folder.checkpoint().exists() {
            RunStart::Resume
        } else {
            RunStart::Fresh
        };
        let (outcome, _) = training::run(&row.config, &run, &data?, start, device, output)?;
        Ok(Some(outcome))
    }
}
