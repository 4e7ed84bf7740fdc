//! `scn report`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use scn_net::{Device, EpochRecord, Model, RunConfig, RunFolder};
use serde::Serialize;

use crate::data_folder::DataFolder;
use crate::model_file;
use crate::output::Output;
use crate::report::{self, Findings, Run};
use crate::run_files::{read_config, read_history};
use crate::table::wrapped;

/// A page on a run: results beside the paper's, curves, layers, atoms, confusion, mistakes,
/// configuration.
///
/// Writes report.html, which holds everything itself, report.md, and the plots as SVG files into
/// the run folder. `scn train` does the same at its end. Without the data set, what needs its test
/// images is left out.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  scn report runs/digits")]
pub(crate) struct Report {
    /// Run folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    data: DataFolder,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    report: PathBuf,
    files: Vec<String>,
    /// Why what needs the test images is left out, if it is.
    left_out: Option<String>,
}

impl Report {
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<()> {
        let folder = RunFolder::new(&self.run);
        let config = read_config(&folder)?;
        let history = read_history(&folder)?;
        if history.is_empty() {
            bail!("{}: no epoch is complete yet", self.run.display());
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
        let summary = Summary {
            files: report::write(&run, &folder)?,
            report: self.run.join("report.html"),
            left_out: findings.err(),
        };
        output.result(&summary, || {
            format!(
                "{}\n{}",
                summary.report.display(),
                wrapped(&summary.files[1..].join(" "), "")
            )
        })
    }
}

/// The files of a run tell of one network.
fn check(
    config: &RunConfig,
    history: &[EpochRecord],
    model: &Model,
    folder: &RunFolder,
) -> Result<()> {
    let layers = config.network.layers.len();
    let other = |path: &Path, found: String| -> Result<()> {
        bail!(
            "{}: expected the network of config.toml, {layers} sparse coding layers, found {found}",
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
        return other(&folder.model(), "another".to_string());
    }
    Ok(())
}
