//! `scn init`: writes an untrained model.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use scn_net::{Model, ModelInput, Network, presets};
use serde::Serialize;

use crate::output::Output;

/// Writes an untrained model.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scn init --preset cifar10-scn1 --seed 7 --out untrained.safetensors"
)]
pub(crate) struct Init {
    /// Preset of the network: digits, mnist-scn1, cifar10-scn1, ...
    #[arg(long, value_name = "NAME")]
    preset: String,
    /// Seed of the initial weights
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Output file for the model
    #[arg(long, value_name = "MODEL.safetensors")]
    out: PathBuf,
}

/// The output of `scn init --json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    model: &'a PathBuf,
    preset: &'a str,
    seed: u64,
    parameters: usize,
}

impl Init {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let config = presets::get(&self.preset)?;
        let network = Network::new(&config.network, self.seed)?;
        let parameters = network.parameter_count();
        let input = ModelInput::new(config.dataset.clone());
        Model::new(network, input).save(&self.out)?;
        let summary = Summary {
            model: &self.out,
            preset: &self.preset,
            seed: self.seed,
            parameters,
        };
        output.result(&summary, || {
            format!(
                "{}: {} with {parameters} parameters",
                self.out.display(),
                self.preset
            )
        })
    }
}
