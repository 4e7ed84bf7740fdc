//! `scn inspect`.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use scn_data::{DatasetName, Normalization};
use scn_net::Model;
use serde::Serialize;

use crate::model_file;
use crate::output::Output;
use crate::pictures;
use crate::readable::condition_number;

/// Layers, shapes, parameters, lambda1 and activity of a model; pictures of its first dictionary.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scn inspect --model runs/digits/model.safetensors --atoms atoms.png"
)]
pub(crate) struct Inspect {
    /// Model or checkpoint
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// Draws the atoms of the first layer, as PNG
    #[arg(long, value_name = "atoms.png")]
    atoms: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    model: PathBuf,
    dataset: DatasetName,
    trained: bool,
    input: [usize; 3],
    /// The bias of contrast normalisation, if that is done, in squares of the pixels' own unit.
    contrast: Option<f64>,
    whitened: bool,
    classes: usize,
    parameters: usize,
    layers: Vec<LayerSummary>,
}

#[derive(Debug, Serialize)]
struct LayerSummary {
    rows: usize,
    atoms: usize,
    stride: usize,
    parameters: usize,
    lambda1: f64,
    lambda2: f64,
    /// Share of codes that are not zero on the test images, when the model was last evaluated in
    /// training.
    active: Option<f64>,
    largest_norm: f64,
    smallest_norm: f64,
    condition: Option<f64>,
}

impl Inspect {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let model = model_file::read(&self.model, output)?;
        let summary = self.summarise(&model)?;
        if let Some(path) = &self.atoms {
            let dictionary = model
                .network
                .param("layer0.dictionary")?
                .context("the network has no dictionary")?;
            pictures::draw_atoms(
                &dictionary.value,
                dictionary.shape[1],
                model.network.config().window,
                path,
            )?;
        }
        output.result(&summary, || describe(&summary))
    }

    fn summarise(&self, model: &Model) -> Result<Summary> {
        let config = model.network.config();
        let conditions = model.network.conditions()?;
        let normalization = model.input.normalization.as_ref();
        let param = |name: String| {
            let param = model.network.param(&name)?;
            param.with_context(|| format!("the network has no {name}"))
        };
        let layers = config.layers.iter().enumerate().map(|(h, layer)| {
            let dictionary = param(format!("layer{h}.dictionary"))?;
            let lambda1 = param(format!("layer{h}.lambda1"))?;
            let (rows, atoms) = (dictionary.shape[0], dictionary.shape[1]);
            let norm = |atom: usize| {
                let square: f64 = (0..rows)
                    .map(|row| f64::from(dictionary.value[row * atoms + atom]).powi(2))
                    .sum();
                square.sqrt()
            };
            Ok(LayerSummary {
                rows,
                atoms,
                stride: layer.stride,
                parameters: dictionary.value.len() + lambda1.value.len(),
                lambda1: lambda1
                    .value
                    .iter()
                    .map(|&value| f64::from(value))
                    .sum::<f64>()
                    / lambda1.value.len() as f64,
                lambda2: config.lambda2.into(),
                active: model.input.active.get(h).copied(),
                largest_norm: (0..atoms).map(norm).fold(0.0, f64::max),
                smallest_norm: (0..atoms).map(norm).fold(f64::INFINITY, f64::min),
                condition: conditions
                    .get(h)
                    .copied()
                    .filter(|condition| condition.is_finite()),
            })
        });
        Ok(Summary {
            model: self.model.clone(),
            dataset: model.input.dataset,
            trained: normalization.is_some(),
            input: config.input,
            contrast: normalization.and_then(Normalization::contrast),
            whitened: normalization.is_some_and(|fitted| fitted.whitening().is_some()),
            classes: config.classes,
            parameters: model.network.parameter_count(),
            layers: layers.collect::<Result<_>>()?,
        })
    }
}

fn describe(summary: &Summary) -> String {
    let [channels, height, width] = summary.input;
    let contrast = if summary.contrast.is_some() {
        ", normalised in contrast"
    } else {
        ""
    };
    let whitened = if summary.whitened { ", whitened" } else { "" };
    let mut text = format!(
        "{}: {} for {}, images of {channels} x {height} x {width}{contrast}{whitened}, {} classes, {} parameters\n\n\
         layer  dictionary  stride  parameters  lambda1   active  atom norms       condition of H\n",
        summary.model.display(),
        if summary.trained {
            "trained"
        } else {
            "untrained"
        },
        summary.dataset,
        summary.classes,
        summary.parameters
    );
    for (h, layer) in summary.layers.iter().enumerate() {
        let active = layer
            .active
            .map_or("-".to_string(), |share| format!("{:.1} %", 100.0 * share));
        let condition = condition_number(layer.condition);
        let _ = writeln!(
            text,
            "{h:>5}  {:>10}  {:>6}  {:>10}  {:>7.4}  {active:>7}  {:>6.3} - {:<6.3}  {condition:>14}",
            format!("{} x {}", layer.rows, layer.atoms),
            layer.stride,
            layer.parameters,
            layer.lambda1,
            layer.smallest_norm,
            layer.largest_norm,
        );
    }
    text.trim_end().to_string()
}
