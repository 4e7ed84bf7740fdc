//! Images for a model: as those it was trained on.

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

/// Which images of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Half {
    Train,
    Test,
}

/// The images of a source with their labels, for a model: those it was trained or tested on as in
/// training, other pictures brought to its shape. A folder of pictures that are not parted is taken
/// as a whole.
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

/// How pictures become images for a model that has not seen them.
fn pictures_for(model: &Model) -> Result<PictureConfig> {
    let [channels, height, width] = model.network.config().input;
    Ok(PictureConfig::default()
        .with_colours(pictures::colours(channels)?)
        .with_size([height, width])
        .with_fit(model.input.fit()))
}

/// That images fall into the classes that a model tells apart.
fn expect_classes(model: &Model, found: &[String], source: &DataSource) -> Result<()> {
    let known = &model.input.class_names;
    // A model that has not been trained knows no names.
    if known.is_empty() || known == found {
        return Ok(());
    }
    bail!(
        "{source}: expected the classes of the model, {}, found {}",
        listed(known),
        listed(found)
    )
}

/// The first few names.
fn listed(names: &[String]) -> String {
    let first = names.iter().take(4).map(String::as_str);
    let more = if names.len() > 4 { ", ..." } else { "" };
    format!(
        "{}{more} ({})",
        first.collect::<Vec<_>>().join(", "),
        names.len()
    )
}

/// Images given to a network at a time.
pub(crate) const BATCH: usize = 128;

/// Images for a model, wherever they come from.
pub(crate) enum ModelImages {
    /// A data set's, preprocessed batch by batch.
    Set(Loader),
    /// An array's, preprocessed: N, C, H, W.
    Array {
        file: PathBuf,
        pixels: Vec<f32>,
        count: usize,
    },
    /// Pictures, read batch by batch.
    Pictures(Vec<PathBuf>),
}

impl ModelImages {
    /// The images of an array. Floating point numbers are pixels, too, if they are `raw`.
    pub(crate) fn array(file: &Path, model: &Model, raw: bool) -> Result<Self> {
        let (pixels, [count, ..]) = preprocessed(file, model, raw)?;
        Ok(Self::Array {
            file: file.to_path_buf(),
            pixels,
            count,
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Set(loader) => loader.images(),
            Self::Array { count, .. } => *count,
            Self::Pictures(files) => files.len(),
        }
    }

    /// Calls `use_batch` with each batch in order, and says what is done meanwhile. In an error an
    /// image of a batch is named by its file, or by its place among all.
    ///
    /// # Errors
    /// Those of `use_batch`, images that cannot be read, and [`Stopped`](crate::ending::Stopped) if
    /// the program is to stop.
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

/// An error with the image of a batch that it is about, counted among all images.
fn counted_from(error: anyhow::Error, first: usize) -> anyhow::Error {
    match error.downcast::<NetError>() {
        Ok(error) => error.counted_from(first).into(),
        Err(error) => error,
    }
}

/// An error with the file of the picture that it is about.
fn of_picture(error: anyhow::Error, files: &[PathBuf]) -> anyhow::Error {
    let image = error.downcast_ref().and_then(NetError::image);
    match image.and_then(|image| files.get(image)) {
        Some(file) => error.context(file.display().to_string()),
        None => error,
    }
}

/// What a trained model does to pixels.
pub(crate) fn normalization<'a>(model: &'a Model, file: &Path) -> Result<&'a Normalization> {
    model.input.normalization.as_ref().with_context(|| {
        format!(
            "{}: expected a trained model, found an untrained one",
            file.display()
        )
    })
}

/// The numbers of images as a model takes them, and their shape N, C, H, W. Bytes are the pixels of
/// files and are preprocessed as training did it; so are floating point numbers if they are `raw`,
/// otherwise they are taken as they are.
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
            "{}: expected preprocessed images, as the model has not been trained, found pixels",
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
