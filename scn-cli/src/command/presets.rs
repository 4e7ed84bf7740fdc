//! `scn presets`: lists the presets.

use anyhow::Result;
use clap::Args;
use scn_data::DataSource;
use scn_net::{Network, RunConfig, presets};
use serde::Serialize;

use crate::configuration::annotated;
use crate::output::Output;
use crate::readable::thousands;
use crate::table::{Table, left, right};

/// Lists the presets, or prints the settings of one.
///
/// The settings are a file for scn train --config, with a comment on each. scn1, scn2 and scn4 work
/// with images of any size. Their settings are shown for colour images of 32 x 32 pixels in ten
/// classes; scn train --dataset adapts them to the data set.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn presets\n  scn presets cifar10-scn1 > mine.toml    # then: scn train --config mine.toml"
)]
pub(crate) struct Presets {
    /// Preset to print; without it, all presets are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// One preset in the output of `scn presets --json`.
#[derive(Debug, Serialize)]
struct Summary {
    name: String,
    /// "any" if the preset works with any images.
    dataset: String,
    layers: usize,
    parameters: usize,
    epochs: u64,
    description: &'static str,
}

impl Presets {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        if let Some(name) = &self.name {
            let config = config(name)?;
            let text = annotated(&config)?;
            return output.result(&config, || text.trim_end().to_string());
        }
        let names = presets::names().into_iter();
        let names = names.chain(presets::ANY_IMAGES.map(str::to_owned));
        let summaries = names.map(summary).collect::<Result<Vec<_>>>()?;
        output.result(&summaries, || listed(&summaries))
    }
}

/// Returns the settings of a preset.
fn config(name: &str) -> Result<RunConfig> {
    if !presets::ANY_IMAGES.contains(&name) {
        return Ok(presets::get(name)?);
    }
    let pictures = DataSource::Folder("DIR".into());
    Ok(presets::for_images(name, pictures, [3, 32, 32], 10)?)
}

fn summary(name: String) -> Result<Summary> {
    let config = config(&name)?;
    let any = config.dataset.name().is_none();
    Ok(Summary {
        description: match any {
            true => "SCN-K for images of any size (numbers: 3 channels, 10 classes)",
            false => presets::phrase(&name)?,
        },
        name,
        dataset: match any {
            true => "any".to_owned(),
            false => config.dataset.to_string(),
        },
        layers: config.network.layers.len(),
        parameters: Network::new(&config.network, config.seed)?.parameter_count(),
        epochs: config.training.epochs,
    })
}

/// Formats the table of presets. Consecutive presets with the same description share a heading.
fn listed(summaries: &[Summary]) -> String {
    let mut table = Table::new([
        left("name"),
        left("data set"),
        right("layers"),
        right("parameters"),
        right("epochs"),
    ]);
    for summary in summaries {
        table.push([
            summary.name.clone(),
            summary.dataset.clone(),
            summary.layers.to_string(),
            thousands(summary.parameters),
            summary.epochs.to_string(),
        ]);
    }
    let mut lines = table.lines().into_iter();
    let mut text: String = lines
        .by_ref()
        .take(1)
        .map(|names| format!("  {names}\n"))
        .collect();
    let mut heading = "";
    for (summary, line) in summaries.iter().zip(lines) {
        if summary.description != heading {
            heading = summary.description;
            text.push_str(&format!("\n{heading}\n"));
        }
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str("\nscn presets NAME prints all settings of a preset.");
    text
}
