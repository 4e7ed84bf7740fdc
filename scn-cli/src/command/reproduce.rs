//! `scn reproduce`: trains the networks of the paper.

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

/// Trains the networks of the paper and compares the results with the paper's.
///
/// Every network has its own run folder in OUT/BUDGET. A common report there, report.html, is
/// updated after each network. It shows the paper's tables as printed, the new results next to the
/// paper's, and how each run differs from the paper's experiment. When run again, the command skips
/// complete networks and resumes the others. A network that fails, or whose data set is missing,
/// does not stop the others.
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
    /// Folder for the run folders
    #[arg(long, value_name = "OUT", default_value = "reproduced")]
    out: PathBuf,
    /// How long to train each network
    #[arg(long, value_enum, default_value_t = Budget::Full)]
    budget: Budget,
    /// Trains on at most COUNT images; the report then notes that the results are not comparable
    /// with the paper's
    #[arg(long, value_name = "COUNT")]
    train_limit: Option<usize>,
    /// Tests on at most COUNT images; the report then notes the same
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
    /// Learning curves of the networks of table 1
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

    /// Returns the paper's tables that contain these networks. Figure 2 has no numbers.
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
    /// Trains the networks and writes the report.
    ///
    /// Processes train each network together. Only the first one writes files.
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
                output.say("run the same command again to resume");
                ending = Ending::Stopped;
                break;
            }
        }
        let summary = Summary::of(&folder.join("report.html"), self.budget.name(), &rows)?;
        output.result(&summary, || summary.describe())?;
        let failed = rows.iter().filter(|row| row.failure.is_some()).count();
        if failed > 0 {
            bail!(
                "{failed} of {} networks failed; run the same command again to retry them",
                rows.len()
            );
        }
        Ok(ending)
    }

    fn page<'a>(&self, rows: &'a [Row]) -> Result<Reproduction<'a>> {
        Ok(Reproduction {
            title: format!(
                "The paper's networks, reproduced: {}",
                self.experiment.name()
            ),
            budget: self.budget.name(),
            terms: self.terms(rows)?,
            tables: self.experiment.tables(),
            rows,
        })
    }

    /// Describes the budget and the limits of these runs. They may differ from the arguments,
    /// because an existing run keeps its settings.
    fn terms(&self, rows: &[Row]) -> Result<String> {
        let limit = |done: &str, of: fn(&RunConfig) -> Option<usize>| {
            let mut limits: Vec<_> = rows.iter().map(|row| of(&row.config)).collect();
            limits.sort_unstable();
            limits.dedup();
            match *limits {
                [] | [None] => None,
                [Some(limit)] => Some(format!("{done} at most {limit} images.")),
                _ => Some(format!(
                    "{done} only some of the images, for some networks."
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
            false => "Some runs have different settings, which are listed with their results.",
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

    /// Returns the settings to train a network with.
    fn wanted(&self, preset: &str) -> Result<RunConfig> {
        let mut config = presets::get(preset)?;
        config.training.epochs = self.budget.epochs(config.training.epochs);
        config.train_limit = self.train_limit;
        config.test_limit = self.test_limit;
        Ok(config)
    }

    /// Returns the row of a network that has no run yet.
    fn before(&self, preset: &str) -> Result<Row> {
        Ok(Row {
            preset: preset.to_string(),
            config: self.wanted(preset)?,
            history: Vec::new(),
            images: None,
            failure: None,
        })
    }

    /// Returns the row of a network, with the results so far of the run in its folder.
    fn row(&self, preset: &str, output: &Output) -> Result<Row> {
        let mut row = self.before(preset)?;
        let folder = self.folder(preset);
        if folder.checkpoint().exists() {
            match Checkpoint::load(&folder.checkpoint()) {
                // Show the settings of this run, even if the arguments ask for others.
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
            // An unreadable history does not stop the other rows. The checkpoint contains it too.
            row.history = read_history(&folder).unwrap_or_default();
        }
        Ok(row)
    }

    fn folder(&self, preset: &str) -> RunFolder {
        RunFolder::new(&self.out.join(self.budget.name()).join(preset))
    }

    /// Trains the rest of a network and returns whether the user stopped it. A failure is recorded
    /// in the row.
    ///
    /// # Errors
    /// Returns an error if several processes share the work and one of them fails, because others
    /// may be waiting for it.
    fn complete(&self, row: &mut Row, device: &Device, output: &Output) -> Result<bool> {
        let processes = device.processes();
        let folder = self.folder(&row.preset);
        // Without a readable checkpoint the settings are unknown, so no result is shown.
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
        // True even if the signal came so late that all epochs of this network are done.
        let asked = any(&*processes, ending::asked_to_stop().is_some())?;
        let interrupted = matches!(
            outcome,
            Some(Outcome::Interrupted { .. } | Outcome::NotBegun)
        );
        Ok(asked || interrupted)
    }

    /// Returns what a run needs, None if nothing is left to do, or an inner error if it cannot
    /// continue.
    ///
    /// The first process decides what to do. All processes must have the images.
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

    /// Returns how the first process starts or resumes a run, or None if nothing is left to do.
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
                "{} holds a run with other settings; choose another folder with --out",
                folder.path().display()
            );
        }
        // After the checkpoint, these are written in order: model, metrics, report.
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
