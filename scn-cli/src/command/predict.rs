//! `scn predict`: classes of pictures, logits of arrays.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use scn_data::{bytes_of, check_memory};
use scn_net::{Device, Model, NetError, Network, Shape, Tensor, probabilities};
use serde::Serialize;

use crate::arrays::{Array, Values, preprocessed};
use crate::model_file;
use crate::output::Output;
use crate::pictures;

/// Classes with probabilities for pictures, or logits for arrays.
///
/// Pictures (PNG, JPEG) are turned upright, scaled to the size the model takes, and treated as its
/// training images were. Arrays are taken as they are: [N, C, H, W], preprocessed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn predict --model runs/mnist-scn1/model.safetensors seven.png\n  \
    scn predict --model model.safetensors --images X.npy --logits Z.npy"
)]
pub(crate) struct Predict {
    /// Model or checkpoint
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// Pictures to classify
    #[arg(
        value_name = "IMAGE",
        required_unless_present = "images",
        conflicts_with = "images"
    )]
    pictures: Vec<PathBuf>,
    /// Array of preprocessed images, .npy [N, C, H, W], f2, f4 or f8; taken as f4
    #[arg(long, value_name = "X.npy", requires = "logits")]
    images: Option<PathBuf>,
    /// Where logits go, .npy [N, classes], f4
    #[arg(long, value_name = "OUT.npy", requires = "images")]
    logits: Option<PathBuf>,
    /// Classes listed per picture
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    top: usize,
}

/// Images given to the network at a time.
const BATCH: usize = 128;

/// A picture's likeliest classes.
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

/// What `--json` prints for arrays.
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
            (Some(images), Some(logits)) => {
                self.arrays(&model.network, images, logits, device, output)
            }
            _ => self.pictures(&model, device, output),
        }
    }

    fn arrays(
        &self,
        network: &Network,
        images: &Path,
        out: &Path,
        device: &Device,
        output: &Output,
    ) -> Result<()> {
        let (pixels, [count, channels, height, width]) = preprocessed(images)?;
        let (input, classes) = (network.config().input, network.config().classes);
        if [channels, height, width] != input {
            bail!(
                "{}: expected images of shape {input:?}, found {:?}",
                images.display(),
                [channels, height, width]
            );
        }
        network.check_inference_memory(count.min(BATCH))?;
        check_memory("the logits", bytes_of::<f32>(&[count, classes]))?;
        let size = channels * height * width;
        let mut logits = Vec::with_capacity(count * classes);
        for (index, batch) in pixels.chunks((BATCH * size).max(1)).enumerate() {
            let shape = Shape {
                channels,
                images: batch.len() / size,
                height,
                width,
            };
            let tensor = Tensor::from_images(batch, shape)?;
            let (z, _) = device
                .run(|| network.infer(tensor))
                .map_err(|error| error.counted_from(index * BATCH))
                .with_context(|| images.display().to_string())?;
            (0..shape.images).for_each(|image| logits.extend(z.column(image)));
        }
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
        let Some(normalization) = &model.input.normalization else {
            bail!(
                "{}: expected a trained model, found an untrained one",
                self.model.display()
            );
        };
        let mut predictions = Vec::new();
        for paths in self.pictures.chunks(BATCH) {
            let mut pixels = Vec::new();
            for path in paths {
                pixels.extend(pictures::read(path, model.input.dataset, normalization)?);
            }
            let [channels, height, width] = model.network.config().input;
            let tensor = Tensor::from_images(
                &pixels,
                Shape {
                    channels,
                    images: paths.len(),
                    height,
                    width,
                },
            )?;
            let (logits, _) = device
                .run(|| model.network.infer(tensor))
                .map_err(|error| of_picture(error, paths))?;
            for (index, path) in paths.iter().enumerate() {
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
                    image: path.clone(),
                    classes,
                });
            }
        }
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

/// The error, with the file of the picture that it is about.
fn of_picture(error: NetError, paths: &[PathBuf]) -> anyhow::Error {
    match error.image().and_then(|image| paths.get(image)) {
        Some(path) => anyhow::Error::from(error).context(path.display().to_string()),
        None => error.into(),
    }
}
