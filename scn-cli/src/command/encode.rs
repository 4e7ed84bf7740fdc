//! `scn encode`: the codes of a layer, for other programs.

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

/// Codes of any layer for images, as features for other programs.
///
/// Codes are written as .npy, f4, [N, atoms, height, width], or [N, atoms] with --pooled: the mean
/// over the map, as the classifier has it of the last layer. Without other images, those that the
/// model was trained and tested on are taken.
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
    /// Sparse coding layer, counted from 0 as scn inspect lists them
    #[arg(long, value_name = "H")]
    layer: usize,
    /// Where the codes go
    #[arg(help_heading = "Output", long, value_name = "F.npy")]
    out: PathBuf,
    /// The mean of each atom's codes over the map
    #[arg(help_heading = "Output", long)]
    pooled: bool,
    /// Images, if not those the model was trained on: a data set by its name, folder:DIR or
    /// npy:PREFIX
    #[arg(help_heading = "Input", long, value_name = "DATASET", value_parser = parse_source, conflicts_with_all = ["images", "pictures"])]
    dataset: Option<DataSource>,
    #[command(flatten)]
    data: DataFolder,
    /// Which images of the data set
    #[arg(help_heading = "Input", long, value_enum, default_value_t = Half::Test, conflicts_with_all = ["images", "pictures"])]
    part: Half,
    /// Only the first so many of them
    #[arg(help_heading = "Input", long, value_name = "COUNT", conflicts_with_all = ["images", "pictures"])]
    limit: Option<usize>,
    /// Where their labels go, .npy [N], u2
    #[arg(help_heading = "Output", long, value_name = "y.npy", conflicts_with_all = ["images", "pictures"])]
    labels: Option<PathBuf>,
    /// Array of images, .npy [N, C, H, W]: u1 are pixels, preprocessed as in training; f2, f4 or f8
    /// are preprocessed already, unless --raw says otherwise
    #[arg(
        help_heading = "Input",
        long,
        value_name = "X.npy",
        conflicts_with = "pictures"
    )]
    images: Option<PathBuf>,
    /// Floating point numbers of --images are pixels, too, in the unit of those trained on
    #[arg(help_heading = "Input", long, requires = "images")]
    raw: bool,
    /// Pictures
    #[arg(value_name = "IMAGE")]
    pictures: Vec<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    codes: &'a PathBuf,
    layer: usize,
    shape: &'a [usize],
    /// Share of codes that are not zero.
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
        // Ctrl-C leaves nothing of the file.
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
        // What went wrong first: that the file is not written follows.
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

    /// The shape of the codes of one image, as they are written.
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
        // Windows are padded so that nothing but strides makes a map smaller.
        let side = |length: usize| {
            before
                .iter()
                .map(|layer| layer.stride)
                .fold(length, usize::div_ceil)
        };
        let [_, height, width] = network.input;
        Ok(vec![atoms, side(height), side(width)])
    }

    /// The images asked for, and their labels if they are a data set's.
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

    /// The codes of an image, or their means.
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

/// Codes that are not zero, among all.
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
