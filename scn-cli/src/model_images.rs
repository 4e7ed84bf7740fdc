//! Images for a model, preprocessed like those it was trained on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use scn_data::format::npy::{Kind, Numbers};
use scn_data::format::pictures as formats;
use scn_data::{DataSource, Dataset, ImageSet, Loader, Normalization, PictureConfig, Reading};
use scn_net::{Model, NetError, Shape, Tensor};

use crate::arrays::axes;
use crate::data_folder::DataFolder;
use crate::screen::Bar;
use crate::{ending, pictures};

/// The part of a data set to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Half {
    Train,
    Test,
}

/// Returns the labelled images of a source, for a model.
///
/// The data set that the model was trained and tested on is read as in training. Other image files
/// are scaled to the input shape of the model. A folder of images that is not split into train/ and
/// test/ is used as a whole.
pub(crate) fn labelled(
    model: &Model,
    source: &DataSource,
    half: Half,
    data: &DataFolder,
) -> Result<ImageSet> {
    let images = match source {
        DataSource::Folder(folder) if *source != model.input.dataset => {
            let pictures = pictures_for(model)?;
            let parted = ["train", "test"].map(|half| folder.join(half).is_dir());
            if parted == [false, false] {
                data.expect_use(source)?;
                formats::open_whole(folder, &pictures)?
            } else {
                let reading = Reading::default().with_pictures(pictures);
                of_half(data.open(source, &reading)?, half)
            }
        }
        _ if *source == model.input.dataset => {
            of_half(data.open(source, &model.input.reading)?, half)
        }
        _ => of_half(data.open(source, &Reading::default())?, half),
    };
    expect_classes(model, images.class_names(), source)?;
    Ok(images)
}

fn of_half(data: Dataset, half: Half) -> ImageSet {
    match half {
        Half::Train => data.train,
        Half::Test => data.test,
    }
}

/// Returns how to read image files that a model was not trained on.
fn pictures_for(model: &Model) -> Result<PictureConfig> {
    let [channels, height, width] = model.network.config().input;
    Ok(PictureConfig::default()
        .with_colours(pictures::colours(channels)?)
        .with_size([height, width])
        .with_fit(model.input.fit()))
}

/// Returns an error unless the images have the classes of the model.
fn expect_classes(model: &Model, found: &[String], source: &DataSource) -> Result<()> {
    let known = &model.input.class_names;
    // An untrained model has no class names.
    if known.is_empty() || known == found {
        return Ok(());
    }
    bail!(
        "{source}: expected the classes of the model, {}, found {}",
        listed(known),
        listed(found)
    )
}

/// Lists the first few names, and the number of all names.
fn listed(names: &[String]) -> String {
    let first = names.iter().take(4).map(String::as_str);
    let more = if names.len() > 4 { ", ..." } else { "" };
    format!(
        "{}{more} ({})",
        first.collect::<Vec<_>>().join(", "),
        names.len()
    )
}

/// Number of images per batch.
pub(crate) const BATCH: usize = 128;

/// Images for a model, from any source.
pub(crate) enum ModelImages {
    /// Images of a data set, preprocessed batch by batch.
    Set(Loader),
    /// Preprocessed images of an array: N, C, H, W.
    Array {
        file: PathBuf,
        pixels: Vec<f32>,
        count: usize,
    },
    /// Image files, read batch by batch.
    Pictures(Vec<PathBuf>),
}

impl ModelImages {
    /// Reads the images of an array. With `raw`, floating-point numbers are pixels too.
    pub(crate) fn array(file: &Path, model: &Model, raw: bool) -> Result<Self> {
        let (pixels, [count, ..]) = preprocessed(file, model, raw)?;
        Ok(Self::Array {
            file: file.to_path_buf(),
            pixels,
            count,
        })
    }

    /// Returns the number of images.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Set(loader) => loader.images(),
            Self::Array { count, .. } => *count,
            Self::Pictures(files) => files.len(),
        }
    }

    /// Calls `use_batch` with each batch in order, under a progress bar named `what`.
    ///
    /// Errors name an image by its file, or by its index among all images.
    ///
    /// # Errors
    /// Returns the errors of `use_batch`, an error if an image cannot be read, and
    /// [`Stopped`](crate::ending::Stopped) if the program was asked to stop.
    pub(crate) fn each(
        &self,
        model: &Model,
        what: &'static str,
        mut use_batch: impl FnMut(Tensor) -> Result<()>,
    ) -> Result<()> {
        let bar = Bar::new(what, self.len());
        let mut use_batch = |batch: Tensor| -> Result<()> {
            ending::unless_stopped()?;
            let count = batch.shape().images;
            use_batch(batch)?;
            bar.advance(count);
            Ok(())
        };
        let [channels, height, width] = model.network.config().input;
        let tensor = |pixels: &[f32], images: usize| {
            let shape = Shape {
                channels,
                images,
                height,
                width,
            };
            Tensor::from_images(pixels, shape)
        };
        match self {
            Self::Set(loader) => {
                for (index, batch) in loader.epoch(0, 0).enumerate() {
                    let first = index * loader.batch_size();
                    use_batch(Tensor::from_batch(&batch)?)
                        .map_err(|error| counted_from(error, first))?;
                }
            }
            Self::Array { file, pixels, .. } => {
                let size = channels * height * width;
                for (index, batch) in pixels.chunks(BATCH * size).enumerate() {
                    use_batch(tensor(batch, batch.len() / size)?)
                        .map_err(|error| counted_from(error, index * BATCH))
                        .with_context(|| file.display().to_string())?;
                }
            }
            Self::Pictures(files) => {
                for files in files.chunks(BATCH) {
                    let mut pixels = Vec::new();
                    for file in files {
                        pixels.extend(pictures::read(file, model)?);
                    }
                    use_batch(tensor(&pixels, files.len())?)
                        .map_err(|error| of_picture(error, files))?;
                }
            }
        }
        Ok(())
    }
}

/// Converts the index of an image in an error from within a batch to among all images.
fn counted_from(error: anyhow::Error, first: usize) -> anyhow::Error {
    match error.downcast::<NetError>() {
        Ok(error) => error.counted_from(first).into(),
        Err(error) => error,
    }
}

/// Adds the file of the affected image to an error.
fn of_picture(error: anyhow::Error, files: &[PathBuf]) -> anyhow::Error {
    let image = error.downcast_ref().and_then(NetError::image);
    match image.and_then(|image| files.get(image)) {
        Some(file) => error.context(file.display().to_string()),
        None => error,
    }
}

/// Returns the normalisation of a trained model, or an error if the model is untrained.
pub(crate) fn normalization<'a>(model: &'a Model, file: &Path) -> Result<&'a Normalization> {
    model.input.normalization.as_ref().with_context(|| {
        format!(
            "{}: expected a trained model, found an untrained one",
            file.display()
        )
    })
}

/// Reads an array of images as input for a model, and returns the values and the shape N, C, H, W.
///
/// Bytes are pixels and are preprocessed as in training. Floating-point numbers are pixels too if
/// `raw`; otherwise they are already preprocessed.
fn preprocessed(path: &Path, model: &Model, raw: bool) -> Result<(Vec<f32>, [usize; 4])> {
    let numbers = Numbers::open(path)?;
    let shape = axes(path, &numbers, ["N", "C", "H", "W"])?;
    let input = model.network.config().input;
    if shape[1..] != input {
        bail!(
            "{}: expected images of shape {input:?}, found {:?}",
            path.display(),
            &shape[1..]
        );
    }
    let bytes = numbers.kind() == Kind::U1;
    if numbers.kind().is_integer() && !bytes {
        bail!(
            "{}: expected images of type u1, f2, f4 or f8, found other integers",
            path.display()
        );
    }
    let mut pixels: Vec<f32> = numbers.read()?;
    if !bytes && !raw {
        return Ok((pixels, shape));
    }
    let Some(normalization) = &model.input.normalization else {
        bail!(
            "{}: expected preprocessed images, because the model is untrained, found pixels",
            path.display()
        );
    };
    let mut out = vec![0.0; input.iter().product()];
    for image in pixels.chunks_exact_mut(out.len()) {
        if bytes {
            let image: Vec<u8> = image.iter().map(|&pixel| pixel as u8).collect();
            normalization.apply(&image[..], &mut out)?;
        } else {
            normalization.apply(&*image, &mut out)?;
        }
        image.copy_from_slice(&out);
    }
    Ok((pixels, shape))
}
