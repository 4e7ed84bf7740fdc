//! `scn predict`: classifies images, or computes logits for arrays.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use scn_data::{bytes_of, check_memory};
use scn_net::{Device, Model, probabilities};
use serde::Serialize;

use crate::arrays::{Array, Values};
use crate::model_file;
use crate::model_images::{BATCH, ModelImages, normalization};
use crate::output::Output;

/// Classifies images, or computes logits for arrays of images.
///
/// Image files (PNG, JPEG) are rotated upright, scaled to the input size of the model, and
/// preprocessed as in training. Arrays [N, C, H, W] hold pixels (u1) or preprocessed images (f4).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn predict --model runs/mnist-scn1/model.safetensors seven.png\n  \
    scn predict --model model.safetensors --images X.npy --logits Z.npy"
)]
pub(crate) struct Predict {
    /// Model, checkpoint or run folder
    #[arg(help_heading = "Input", long, value_name = "MODEL")]
    model: PathBuf,
    /// Image files to classify
    #[arg(
        value_name = "IMAGE",
        required_unless_present = "images",
        conflicts_with = "images"
    )]
    pictures: Vec<PathBuf>,
    /// Array of images, .npy [N, C, H, W]: u1 are pixels, preprocessed as in training; f2, f4 or f8
    /// are already preprocessed, unless --raw is given
    #[arg(
        help_heading = "Input",
        long,
        value_name = "X.npy",
        requires = "logits"
    )]
    images: Option<PathBuf>,
    /// Treats floating-point --images as pixels too, in the units of the training images
    #[arg(help_heading = "Input", long, requires = "images")]
    raw: bool,
    /// Output file for the logits, .npy [N, classes], f4
    #[arg(
        help_heading = "Output",
        long,
        value_name = "OUT.npy",
        requires = "images"
    )]
    logits: Option<PathBuf>,
    /// Number of classes to list per image
    #[arg(
        help_heading = "Output",
        long,
        value_name = "COUNT",
        default_value_t = 3
    )]
    top: usize,
}

/// The most likely classes of an image.
#[derive(Debug, Serialize)]
struct Prediction {
    image: PathBuf,
    classes: Vec<ClassProbability>,
}

#[derive(Debug, Serialize)]
struct ClassProbability {
    class: usize,
    name: String,
    probability: f64,
}

/// The output of `scn predict --json` for arrays.
#[derive(Debug, Serialize)]
struct ArraySummary<'a> {
    logits: &'a Path,
    images: usize,
    classes: usize,
}

impl Predict {
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<()> {
        let mut model = model_file::read(&self.model, output)?;
        model.network.move_to(device)?;
        match (&self.images, &self.logits) {
            (Some(images), Some(logits)) => self.arrays(&model, images, logits, device, output),
            _ => self.pictures(&model, device, output),
        }
    }

    fn arrays(
        &self,
        model: &Model,
        file: &Path,
        out: &Path,
        device: &Device,
        output: &Output,
    ) -> Result<()> {
        let images = ModelImages::array(file, model, self.raw)?;
        let (network, count) = (&model.network, images.len());
        let classes = network.config().classes;
        network.check_inference_memory(count.min(BATCH))?;
        check_memory("the logits", bytes_of::<f32>(&[count, classes]))?;
        let mut logits = Vec::with_capacity(count * classes);
        images.each(model, "classifying", |batch| {
            let count = batch.shape().images;
            let (z, _) = device.run(|| network.infer(batch))?;
            (0..count).for_each(|image| logits.extend(z.column(image)));
            Ok(())
        })?;
        Array {
            shape: vec![count, classes],
            values: Values::F32(logits),
        }
        .write(out)?;
        let summary = ArraySummary {
            logits: out,
            images: count,
            classes,
        };
        output.result(&summary, || {
            format!(
                "{}: logits of {count} images, {classes} classes",
                out.display()
            )
        })
    }

    fn pictures(&self, model: &Model, device: &Device, output: &Output) -> Result<()> {
        normalization(model, &self.model)?;
        let mut files = self.pictures.iter();
        let mut predictions = Vec::new();
        ModelImages::Pictures(self.pictures.clone()).each(model, "classifying", |batch| {
            let count = batch.shape().images;
            let (logits, _) = device.run(|| model.network.infer(batch))?;
            for (index, file) in (0..count).zip(&mut files) {
                let mut classes: Vec<ClassProbability> = probabilities(&logits, index)
                    .into_iter()
                    .enumerate()
                    .map(|(class, probability)| {
                        let name = model.input.class_names.get(class).cloned();
                        ClassProbability {
                            class,
                            name: name.unwrap_or_else(|| class.to_string()),
                            probability,
                        }
                    })
                    .collect();
                classes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
                classes.truncate(self.top.max(1));
                predictions.push(Prediction {
                    image: file.clone(),
                    classes,
                });
            }
            Ok(())
        })?;
        output.result(&predictions, || {
            let line = |prediction: &Prediction| {
                let classes = prediction.classes.iter();
                let classes: Vec<String> = classes
                    .map(|likely| format!("{} {:.1} %", likely.name, 100.0 * likely.probability))
                    .collect();
                format!("{}: {}", prediction.image.display(), classes.join(", "))
            };
            predictions.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }
}
