//! `scn presets`.

use std::fmt::Write;

use anyhow::Result;
use clap::Args;
use scn_data::DatasetName;
use scn_net::{Network, presets};
use serde::Serialize;

use crate::configuration::annotated;
use crate::output::Output;
use crate::readable::thousands;

/// Lists the presets, or shows the settings of one.
///
/// The settings are a file for scn train --config, in which a comment explains each.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn presets\n  scn presets cifar10-scn1 > mine.toml    # then: scn train --config mine.toml"
)]
pub(crate) struct Presets {
    /// Preset whose settings are shown; all are listed if none is named
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// What `--json` prints of each.
#[derive(Debug, Serialize)]
struct Summary {
    name: String,
    dataset: DatasetName,
    layers: usize,
    parameters: usize,
    epochs: u64,
    description: &'static str,
}

impl Presets {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        if let Some(name) = &self.name {
            let config = presets::get(name)?;
            let text = annotated(&config)?;
            return output.result(&config, || text.trim_end().to_string());
        }
        let names = presets::names().into_iter();
        let summaries = names.map(summary).collect::<Result<Vec<_>>>()?;
        output.result(&summaries, || listed(&summaries))
    }
}

fn summary(name: String) -> Result<Summary> {
    let config = presets::get(&name)?;
    Ok(Summary {
        description: presets::phrase(&name)?,
        name,
        dataset: config.dataset,
        layers: config.network.layers.len(),
        parameters: Network::new(&config.network, config.seed)?.parameter_count(),
        epochs: config.training.epochs,
    })
}

/// A table with a heading for those that follow each other and are alike.
fn listed(summaries: &[Summary]) -> String {
    let longest = summaries.iter().map(|summary| summary.name.len()).max();
    let width = longest.unwrap_or(0);
    let mut text = format!(
        "  {:width$}  {:8}  layers  parameters  epochs\n",
        "name", "data set"
    );
    let mut heading = "";
    for summary in summaries {
        if summary.description != heading {
            heading = summary.description;
            let _ = writeln!(text, "\n{heading}");
        }
        let _ = writeln!(
            text,
            "  {:width$}  {:8}  {:>6}  {:>10}  {:>6}",
            summary.name,
            summary.dataset,
            summary.layers,
            thousands(summary.parameters),
            summary.epochs
        );
    }
    text.push_str("\nscn presets NAME shows all settings of one.");
    text
}
