//! `scn report`: writes a report on one or several runs.

mod names;
mod place;
mod several;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use scn_net::{Device, EpochRecord, Model, RunConfig, RunFolder};
use serde::Serialize;

use self::place::{expect_no_other_run, made, written};
use crate::data_folder::DataFolder;
use crate::model_file;
use crate::output::Output;
use crate::report::{self, Findings, Run};
use crate::run_files::{read_config, read_history};

/// Writes a report on a run, or a comparison of several runs.
///
/// The report on one run compares its results with the paper's and shows curves, layers, atoms,
/// confusion, mistakes and configuration. `scn train` writes the same report when it finishes.
/// Without the data set, everything that needs its test images is left out.
///
/// The comparison shows the results of all runs in one table, their learning curves overlaid, and
/// the settings that differ. It needs only config.toml and metrics.jsonl of each run. Runs need not
/// be complete.
///
/// The output is report.html, which is self-contained, report.md, and the plots as SVG files.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn report runs/digits\n  scn report runs/rate-0.02 runs/rate-0.1 runs/rate-0.5 --out rates"
)]
pub(crate) struct Report {
    /// Run folders
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Output folder [default: the run's own, or comparison for several]
    #[arg(help_heading = "Output", long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    data: DataFolder,
}

/// The output of `scn report --json` for one run.
#[derive(Debug, Serialize)]
struct Summary {
    report: PathBuf,
    files: Vec<String>,
    /// Why everything that needs the test images is left out, if it is.
    left_out: Option<String>,
}

impl Report {
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<()> {
        match self.runs.as_slice() {
            [run] => self.on_one(run, device, output),
            runs => {
                self.data.expect_none()?;
                let out = self.out.as_deref().unwrap_or(Path::new("comparison"));
                several::compare(runs, out, output)
            }
        }
    }

    fn on_one(&self, path: &Path, device: &Device, output: &Output) -> Result<()> {
        if let Some(out) = &self.out {
            expect_no_other_run(out, Some(path))?;
        }
        let folder = RunFolder::new(path);
        let config = read_config(&folder)?;
        let history = read_history(&folder)?;
        if history.is_empty() {
            bail!("{}: no epoch is complete yet", path.display());
        }
        self.data.expect_use(&config.dataset)?;
        let mut model = model_file::read(&folder.chosen_model(), output)?;
        check(&config, &history, &model, &folder)?;
        model.network.move_to(device)?;
        let findings = match self.data.open(&config.dataset, &config.reading()) {
            Ok(data) => {
                let count = config.test_limit.unwrap_or(usize::MAX);
                let test = Arc::new(config.subset.of(&data.test, count, config.seed));
                Ok(Findings::of(&model, &test, device)?)
            }
            Err(error) => Err(format!("{error:#}")),
        };
        if let Err(reason) = &findings {
            output.warn(format_args!("without test images: {reason}"));
        }
        let run = Run {
            config: &config,
            history: &history,
            model: Some(&model),
            findings: findings.as_ref().map_err(Clone::clone),
        };
        let out = match &self.out {
            Some(out) => made(out)?,
            None => path,
        };
        let summary = Summary {
            files: report::write(&run, &RunFolder::new(out))?,
            report: out.join("report.html"),
            left_out: findings.err(),
        };
        output.result(&summary, || written(&summary.report, &summary.files))
    }
}

/// Checks that the files of a run belong to the same network.
fn check(
    config: &RunConfig,
    history: &[EpochRecord],
    model: &Model,
    folder: &RunFolder,
) -> Result<()> {
    let layers = config.network.layers.len();
    let other = |path: &Path, found: String| -> Result<()> {
        bail!(
            "{}: expected the network of config.toml with {layers} sparse coding layers, found {found}",
            path.display()
        )
    };
    if let Some(record) = history.iter().find(|record| record.layers.len() != layers) {
        let found = format!("{} in epoch {}", record.layers.len(), record.epoch);
        return other(&folder.metrics(), found);
    }
    let network = model.network.config();
    if (&network.layers, network.input, network.classes)
        != (
            &config.network.layers,
            config.network.input,
            config.network.classes,
        )
    {
        return other(&folder.model(), "another one".to_string());
    }
    Ok(())
}
