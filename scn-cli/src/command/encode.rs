//! `scn encode`: writes the codes of a layer for other programs.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use npyz::WriterBuilder;
use scn_data::{DataSource, Loader};
use scn_net::{Device, Model, Tensor};
use serde::Serialize;

use crate::arrays::{Array, Values};
use crate::data_folder::{DataFolder, parse_source};
use crate::model_file;
use crate::model_images::{BATCH, Half, ModelImages, labelled, normalization};
use crate::output::Output;
use crate::signals::Patience;
use crate::whole_file;

/// Writes the codes of a layer for images, as features for other programs.
///
/// The codes are an .npy array of f4, [N, atoms, height, width]. With --pooled it is [N, atoms],
/// the mean over the feature map, which is what the classifier gets from the last layer. By
/// default, the images are those that the model was trained and tested on.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn encode --model runs/digits --layer 4 --pooled --out F.npy --labels y.npy\n  \
    scn encode --model runs/digits --layer 4 --pooled --part train --out F-train.npy\n  \
    scn encode --model runs/digits --layer 0 --out F.npy seven.png"
)]
pub(crate) struct Encode {
    /// Model, checkpoint or run folder
    #[arg(help_heading = "Input", long, value_name = "MODEL")]
    model: PathBuf,
    /// Sparse coding layer, counted from 0 as in scn inspect
    #[arg(long, value_name = "H")]
    layer: usize,
    /// Output file for the codes
    #[arg(help_heading = "Output", long, value_name = "F.npy")]
    out: PathBuf,
    /// Averages the codes of each atom over the feature map
    #[arg(help_heading = "Output", long)]
    pooled: bool,
    /// Data set to encode: a name, folder:DIR or npy:PREFIX [default: the data set of the model]
    #[arg(help_heading = "Input", long, value_name = "DATASET", value_parser = parse_source, conflicts_with_all = ["images", "pictures"])]
    dataset: Option<DataSource>,
    #[command(flatten)]
    data: DataFolder,
    /// Part of the data set to encode
    #[arg(help_heading = "Input", long, value_enum, default_value_t = Half::Test, conflicts_with_all = ["images", "pictures"])]
    part: Half,
    /// Encodes only the first COUNT of these images
    #[arg(help_heading = "Input", long, value_name = "COUNT", conflicts_with_all = ["images", "pictures"])]
    limit: Option<usize>,
    /// Output file for their labels, .npy [N], u2
    #[arg(help_heading = "Output", long, value_name = "y.npy", conflicts_with_all = ["images", "pictures"])]
    labels: Option<PathBuf>,
    /// Array of images, .npy [N, C, H, W]: u1 are pixels, preprocessed as in training; f2, f4 or f8
    /// are already preprocessed, unless --raw is given
    #[arg(
        help_heading = "Input",
        long,
        value_name = "X.npy",
        conflicts_with = "pictures"
    )]
    images: Option<PathBuf>,
    /// Treats floating-point --images as pixels too, in the units of the training images
    #[arg(help_heading = "Input", long, requires = "images")]
    raw: bool,
    /// Image files to encode
    #[arg(value_name = "IMAGE")]
    pictures: Vec<PathBuf>,
}

/// The output of `scn encode --json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    codes: &'a PathBuf,
    layer: usize,
    shape: &'a [usize],
    /// Fraction of the code entries that are active.
    active: f64,
}

impl Encode {
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<()> {
        let mut model = model_file::read(&self.model, output)?;
        let shape = self.shape_of_codes(&model)?;
        model.network.move_to(device)?;
        let (images, labels) = self.images(&model)?;
        let shape: Vec<usize> = std::iter::once(images.len()).chain(shape).collect();
        model
            .network
            .check_inference_memory(BATCH.min(images.len()))?;
        let mut active = Active::default();
        let mut failure = None;
        // Let Ctrl-C end the loop, so that the incomplete file is removed.
        let patience = Patience::new();
        let written = whole_file::write(&self.out, |out| {
            let sides: Vec<u64> = shape.iter().map(|&side| side as u64).collect();
            let mut writer = npyz::WriteOptions::new()
                .default_dtype()
                .shape(&sides)
                .writer(out)
                .begin_nd()?;
            let encoded = images.each(&model, "encoding", |batch| {
                let codes = device.run(|| model.network.codes(batch, self.layer))?;
                active.count(&codes);
                for image in 0..codes.shape().images {
                    writer.extend(self.of_image(&codes, image))?;
                }
                Ok(())
            });
            match encoded {
                Ok(()) => writer.finish(),
                Err(error) => {
                    failure = Some(error);
                    Err(std::io::Error::other("no codes"))
                }
            }
        });
        // Report the original failure, not the failed write that it caused.
        failure.map_or(written, Err)?;
        drop(patience);
        if let (Some(file), Some(labels)) = (&self.labels, labels) {
            Array {
                shape: vec![labels.len()],
                values: Values::U16(labels),
            }
            .write(file)?;
        }
        let summary = Summary {
            codes: &self.out,
            layer: self.layer,
            shape: &shape,
            active: active.share(),
        };
        output.result(&summary, || {
            format!(
                "{}: codes of layer {}, {shape:?}, {:.1} % active",
                self.out.display(),
                self.layer,
                100.0 * summary.active
            )
        })
    }

    /// Returns the shape of the codes of one image, as written.
    fn shape_of_codes(&self, model: &Model) -> Result<Vec<usize>> {
        let network = model.network.config();
        let Some(before) = network.layers.get(..=self.layer) else {
            bail!(
                "--layer {}: expected one of the {} sparse coding layers of {}, counted from 0",
                self.layer,
                network.layers.len(),
                self.model.display()
            );
        };
        let atoms = network.layers[self.layer].atoms;
        if self.pooled {
            return Ok(vec![atoms]);
        }
        // Windows are padded, so only strides shrink a feature map.
        let side = |length: usize| {
            before
                .iter()
                .map(|layer| layer.stride)
                .fold(length, usize::div_ceil)
        };
        let [_, height, width] = network.input;
        Ok(vec![atoms, side(height), side(width)])
    }

    /// Returns the requested images, with labels if they are from a data set.
    fn images(&self, model: &Model) -> Result<(ModelImages, Option<Vec<u16>>)> {
        if let Some(file) = &self.images {
            return Ok((ModelImages::array(file, model, self.raw)?, None));
        }
        let normalization = normalization(model, &self.model)?;
        if !self.pictures.is_empty() {
            return Ok((ModelImages::Pictures(self.pictures.clone()), None));
        }
        let source = self.dataset.as_ref().unwrap_or(&model.input.dataset);
        let half = labelled(model, source, self.part, &self.data)?;
        let images = half.first(self.limit.unwrap_or(usize::MAX));
        let labels = images.labels().to_vec();
        let loader = Loader::in_order(Arc::new(images), Arc::new(normalization.clone()), BATCH)?;
        Ok((ModelImages::Set(loader), Some(labels)))
    }

    /// Returns the codes of an image, or their means with `--pooled`.
    fn of_image<'a>(&self, codes: &'a Tensor, image: usize) -> Box<dyn Iterator<Item = f32> + 'a> {
        let plane = codes.shape().height * codes.shape().width;
        let channels = 0..codes.shape().channels;
        let maps = channels.map(move |atom| &codes.channel(atom)[image * plane..][..plane]);
        if self.pooled {
            let mean = move |map: &[f32]| {
                let sum: f64 = map.iter().map(|&code| f64::from(code)).sum();
                (sum / plane as f64) as f32
            };
            Box::new(maps.map(mean))
        } else {
            Box::new(maps.flatten().copied())
        }
    }
}

/// Counts of active and of all code entries.
#[derive(Default)]
struct Active {
    count: usize,
    all: usize,
}

impl Active {
    fn count(&mut self, codes: &Tensor) {
        self.all += codes.data().len();
        self.count += codes.data().iter().filter(|&&code| code != 0.0).count();
    }

    fn share(&self) -> f64 {
        self.count as f64 / self.all.max(1) as f64
    }
}
