//! `scn reproduce`: the networks of the paper, trained again.

mod summary;

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};
use scn_data::{Dataset, DatasetName};
use scn_net::{Checkpoint, Device, LockedRun, Outcome, RunConfig, RunFolder, RunStart, presets};
use scn_solvers::processes::{Processes, any, from_each, from_first};

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
    /// Processes train each network together; the first one keeps the files.
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<Ending> {
        let first = device.processes().rank() == 0;
        let folder = self.out.join(self.budget.name());
        let presets = self.experiment.presets();
        let rows = presets.iter().map(|preset| match first {
            true => self.row(preset, output),
            false => self.before(preset),
        });
        let mut rows: Vec<Row> = rows.collect::<Result<_>>()?;
        let mut ending = Ending::Done;
        for index in 0..rows.len() {
            let interrupted = self.complete(&mut rows[index], device, output)?;
            if let Some(failure) = &rows[index].failure {
                output.warn(format_args!("{}: {failure}", rows[index].preset));
            }
            if first {
                self.page(&rows)?.write(&folder)?;
            }
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

    /// A network before its run.
    fn before(&self, preset: &str) -> Result<Row> {
        Ok(Row {
            preset: preset.to_string(),
            config: self.wanted(preset)?,
            history: Vec::new(),
            images: None,
            failure: None,
        })
    }

    /// A network, and how far the run in its folder has come.
    fn row(&self, preset: &str, output: &Output) -> Result<Row> {
        let mut row = self.before(preset)?;
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
    ///
    /// # Errors
    /// Processes that share the work, of which one has failed while others may be waiting for it.
    fn complete(&self, row: &mut Row, device: &Device, output: &Output) -> Result<bool> {
        let processes = device.processes();
        let folder = self.folder(&row.preset);
        // Without a checkpoint that tells them nobody knows the settings, and no result is shown.
        let settings_known = row.failure.is_none();
        let trained = match self.prepare(row, &folder, &*processes, output)? {
            Ok(None) => Ok(None),
            Ok(Some((run, data, start))) => {
                let ended = training::run(&row.config, &run, &data, start, device, output);
                match ended {
                    Err(error) if processes.count() > 1 => return Err(error),
                    ended => ended.map(|(outcome, _)| Some(outcome)),
                }
            }
            Err(failure) => Err(failure),
        };
        let outcome = trained.unwrap_or_else(|error| {
            row.failure = Some(format!("{error:#}"));
            None
        });
        if processes.rank() == 0 && settings_known && folder.checkpoint().exists() {
            row.history = read_history(&folder).unwrap_or_default();
        }
        // Also where a signal came so late that all epochs of this network are done.
        let asked = any(&*processes, ending::asked_to_stop().is_some())?;
        let interrupted = matches!(
            outcome,
            Some(Outcome::Interrupted { .. } | Outcome::NotBegun)
        );
        Ok(asked || interrupted)
    }

    /// What a run needs; None if nothing is missing, and why where it cannot go on. The first of the processes says what is to be done,
    /// and all have to have the images.
    fn prepare(
        &self,
        row: &mut Row,
        folder: &RunFolder,
        processes: &dyn Processes,
        output: &Output,
    ) -> Result<Result<Option<(LockedRun, Dataset, RunStart)>>> {
        let data = self.data.open(&row.config.dataset, &row.config.reading());
        row.images = data
            .as_ref()
            .ok()
            .map(|data| [data.train.len(), data.test.len()]);
        let own = match processes.rank() {
            0 => self.start(row, folder, output),
            _ => Ok(None),
        };
        let word = match &own {
            Ok(Some((_, RunStart::Fresh))) => "fresh",
            Ok(Some((_, RunStart::Resume))) => "resume",
            Ok(None) | Err(_) => "nothing",
        };
        let start = match &*from_first(processes, word.as_bytes())? {
            b"fresh" => RunStart::Fresh,
            b"resume" => RunStart::Resume,
            _ => return Ok(own.map(|_| None)),
        };
        let missing = data.as_ref().err();
        let missing = missing.map_or_else(String::new, |error| match processes.rank() {
            0 => format!("{error:#}"),
            rank => format!("process {rank} on {}: {error:#}", processes.host()),
        });
        let missing = from_each(processes, missing.as_bytes())?;
        if let Some(missing) = missing.iter().find(|missing| !missing.is_empty()) {
            return Ok(Err(anyhow!("{}", String::from_utf8_lossy(missing))));
        }
        let run = match own? {
            Some((run, _)) => run,
            None => folder.lock_shared(processes)?,
        };
        Ok(Ok(Some((run, data?, start))))
    }

    /// How the first process begins or goes on with a run; None if nothing is missing.
    fn start(
        &self,
        row: &Row,
        folder: &RunFolder,
        output: &Output,
    ) -> Result<Option<(LockedRun, RunStart)>> {
        if row.failure.is_some() {
            return Ok(None);
        }
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
        let start = match folder.checkpoint().exists() {
            true => RunStart::Resume,
            false => RunStart::Fresh,
        };
        Ok(Some((run, start)))
    }
}
