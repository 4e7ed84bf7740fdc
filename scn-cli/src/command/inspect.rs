//! `scn inspect`: describes a model and its atoms.

mod excitement;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use scn_data::{DataSource, ImageSet, Loader, Normalization};
use scn_net::{Device, Model};
use serde::Serialize;

use self::excitement::{Excitement, SHOWN, excitements};
use crate::data_folder::{DataFolder, parse_source};
use crate::model_images::{BATCH, Half, labelled, normalization};
use crate::output::Output;
use crate::pictures::{self, Raster};
use crate::readable::{condition_number, thousands};
use crate::report::{Usage, draw_sheet, largest};
use crate::table::{Table, left, right, shortened, wrapped};
use crate::{model_file, whole_file};

/// Shows layers, parameters, lambda1 and activity of a model, what its atoms look like, and which
/// classes use them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn inspect --model runs/digits --atoms atoms.png\n  \
    scn inspect --model runs/digits --layer 3 --atoms excited.svg --usage"
)]
pub(crate) struct Inspect {
    /// Model, checkpoint or run folder
    #[arg(help_heading = "Input", long, value_name = "MODEL")]
    model: PathBuf,
    /// Layer that --atoms and --usage show, counted from 0
    #[arg(help_heading = "Output", long, value_name = "H", default_value_t = 0)]
    layer: usize,
    /// Draws the atoms of the layer: as a PNG file for layer 0; for a deeper layer, as an SVG file
    /// of the parts of test images that most excite each atom, with their classes
    #[arg(help_heading = "Output", long, value_name = "FILE")]
    atoms: Option<PathBuf>,
    /// Counts how often each class of test images uses the atoms of the layer
    #[arg(help_heading = "Output", long)]
    usage: bool,
    /// Data set for --atoms and --usage: a name, folder:DIR or npy:PREFIX [default: the data set of
    /// the model]
    #[arg(help_heading = "Input", long, value_name = "DATASET", value_parser = parse_source)]
    dataset: Option<DataSource>,
    #[command(flatten)]
    data: DataFolder,
}

/// Number of test images to use, and of atoms to list per class.
const LOOKED_AT: usize = 2000;
const LISTED: usize = 5;

/// The output of `scn inspect --json`.
#[derive(Debug, Serialize)]
struct Summary {
    model: PathBuf,
    dataset: DataSource,
    trained: bool,
    input: [usize; 3],
    /// The bias of contrast normalisation, in squared units of the pixels; None without it.
    contrast: Option<f64>,
    whitened: bool,
    classes: usize,
    parameters: usize,
    layers: Vec<LayerSummary>,
    /// How often each class uses the atoms of `--layer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Debug, Serialize)]
struct LayerSummary {
    rows: usize,
    atoms: usize,
    stride: usize,
    parameters: usize,
    lambda1: f64,
    lambda2: f64,
    /// Fraction of the code entries that were active on the test images when training last
    /// evaluated the model.
    active: Option<f64>,
    largest_norm: f64,
    smallest_norm: f64,
    condition: Option<f64>,
}

impl Inspect {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let model = model_file::read(&self.model, output)?;
        let layers = model.network.config().layers.len();
        if self.layer >= layers {
            bail!(
                "--layer {}: expected one of the {layers} sparse coding layers of {}, counted from 0",
                self.layer,
                self.model.display()
            );
        }
        let mut summary = self.summarise(&model)?;
        let deep = self.atoms.is_some() && self.layer > 0;
        let images = match self.usage || deep {
            true => Some(Arc::new(self.images(&model)?)),
            false => None,
        };
        if let (Some(images), true) = (&images, self.usage) {
            let normalization = Arc::new(normalization(&model, &self.model)?.clone());
            let device = Device::cpu(None)?;
            let usage = Usage::count(&model, self.layer, images, normalization, &device)?;
            summary.usage = Some(usage);
        }
        match (&self.atoms, &images) {
            (Some(path), Some(images)) if deep => self.draw_excitements(&model, images, path)?,
            (Some(path), _) => draw_first_atoms(&model, path)?,
            (None, _) => (),
        }
        output.result(&summary, || {
            describe(&summary, self.layer, &model.input.class_names)
        })
    }

    /// Returns the first test images.
    fn images(&self, model: &Model) -> Result<ImageSet> {
        let source = self.dataset.as_ref().unwrap_or(&model.input.dataset);
        let test = labelled(model, source, Half::Test, &self.data)?;
        Ok(test.first(LOOKED_AT))
    }

    /// Draws the parts of images that most excite each atom of a deeper layer, as SVG.
    fn draw_excitements(&self, model: &Model, images: &Arc<ImageSet>, path: &Path) -> Result<()> {
        if path.extension().is_none_or(|extension| extension != "svg") {
            bail!(
                "--atoms {}: expected a name that ends in .svg, because atoms of layer {} are drawn as labelled images",
                path.display(),
                self.layer
            );
        }
        let normalization = Arc::new(normalization(model, &self.model)?.clone());
        let loader = Loader::in_order(Arc::clone(images), normalization, BATCH)?;
        let found = excitements(model, self.layer, images, &loader)?;
        let side = found
            .iter()
            .flatten()
            .next()
            .map_or((1, 1), |excitement| excitement.part.size());
        let names = images.class_names();
        let (mut parts, mut captions) = (Vec::new(), Vec::new());
        for (atom, found) in found.into_iter().enumerate() {
            // Pad with blanks, so that every atom takes up the same number of places.
            let missing = SHOWN - found.len();
            let unused = found.is_empty();
            for Excitement { label, part } in found {
                parts.push(part);
                captions.push(format!("{atom}: {}", names[usize::from(label)]));
            }
            parts.extend(std::iter::repeat_n(Raster::blank(side), missing));
            captions.extend(std::iter::repeat_n(String::new(), missing));
            if unused {
                captions[atom * SHOWN] = format!("{atom}: unused");
            }
        }
        let sheet = draw_sheet(&parts, &captions, 2 * SHOWN)?;
        let svg = sheet.file(&format!(
            "Parts of images that most excite the atoms of layer {}.",
            self.layer
        ))?;
        whole_file::write(path, |out| out.write_all(svg.as_bytes()))
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
            dataset: model.input.dataset.clone(),
            trained: normalization.is_some(),
            input: config.input,
            contrast: normalization.and_then(Normalization::contrast),
            whitened: normalization.is_some_and(|fitted| fitted.whitening().is_some()),
            classes: config.classes,
            parameters: model.network.parameter_count(),
            layers: layers.collect::<Result<_>>()?,
            usage: None,
        })
    }
}

/// Draws the atoms of the first layer, as PNG.
fn draw_first_atoms(model: &Model, path: &Path) -> Result<()> {
    let dictionary = model
        .network
        .param("layer0.dictionary")?
        .context("the network has no dictionary")?;
    pictures::draw_atoms(
        &dictionary.value,
        dictionary.shape[1],
        [model.network.config().window; 2],
        path,
    )
}

fn describe(summary: &Summary, layer: usize, names: &[String]) -> String {
    let [channels, height, width] = summary.input;
    let contrast = if summary.contrast.is_some() {
        ", contrast-normalised"
    } else {
        ""
    };
    let whitened = if summary.whitened { ", whitened" } else { "" };
    let trained = if summary.trained {
        "trained"
    } else {
        "untrained"
    };
    let heading = format!(
        "{}: {trained} for {}, images of {channels} x {height} x {width}{contrast}{whitened}, {} classes, {} parameters",
        summary.model.display(),
        summary.dataset,
        summary.classes,
        thousands(summary.parameters)
    );
    let mut text = format!("{}\n\n{}", wrapped(&heading, ""), layers(summary));
    if let Some(usage) = &summary.usage {
        text.push_str(&format!(
            "\n\nfraction of windows that use an atom of layer {layer}, over {} test images\n{}",
            thousands(usage.images),
            most_used(usage, names)
        ));
    }
    text
}

fn layers(summary: &Summary) -> String {
    let mut table = Table::new([
        right("layer"),
        right("dictionary"),
        right("stride"),
        right("parameters"),
        right("lambda1"),
        right("active"),
        right("atom norms"),
        right("condition"),
    ]);
    for (h, layer) in summary.layers.iter().enumerate() {
        let active = layer.active.map(|share| format!("{:.1} %", 100.0 * share));
        table.push([
            h.to_string(),
            format!("{} x {}", layer.rows, layer.atoms),
            layer.stride.to_string(),
            thousands(layer.parameters),
            format!("{:.4}", layer.lambda1),
            active.unwrap_or_else(|| "-".to_string()),
            format!("{:.3}-{:.3}", layer.smallest_norm, layer.largest_norm),
            condition_number(layer.condition),
        ]);
    }
    format!(
        "{}\ncondition: condition number of H, the Gram matrix of the atoms plus lambda2",
        table.text()
    )
}

/// Formats the atoms that each class uses most, with their fractions.
fn most_used(usage: &Usage, names: &[String]) -> String {
    let places = ["most used", "second", "third", "fourth", "fifth"];
    let columns = places.iter().take(LISTED).map(|&place| right(place));
    let mut table = Table::new(std::iter::once(left("class")).chain(columns));
    for (name, shares) in names.iter().zip(&usage.shares) {
        // Skip classes without images.
        let Some(shares) = shares else { continue };
        let atoms = largest(shares, LISTED).into_iter();
        let atoms = atoms.map(|atom| format!("{atom}: {:.1} %", 100.0 * shares[atom]));
        table.push(std::iter::once(shortened(name, 16)).chain(atoms));
    }
    table.text()
}
