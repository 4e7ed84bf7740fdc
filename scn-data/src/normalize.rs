//! Subtracting a mean and dividing by a scale, both fitted to the training images.

use serde::{Deserialize, Serialize};

use crate::images::volume;
use crate::{DataError, ImageSet};

/// What is subtracted from every image; means are taken over the training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mean {
    /// Nothing.
    None,
    /// The mean image, one value a pixel and channel: what the paper says (section 5, arXiv 1701.08349).
    Pixel,
    /// One value a channel: what the authors' program does.
    #[default]
    Channel,
}

/// What every image is divided by after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// 1: pixels keep their unit, as in the authors' program.
    #[default]
    None,
    /// The brightest value a pixel can have, so that pixels range over an interval of length 1.
    Range,
    /// The standard deviation of all mean-subtracted training pixels, one number for all channels.
    Deviation,
}

/// Which normalisation to fit.
///
/// | setting | default | choices |
/// |---|---|---|
/// | `mean` | `channel` | `none`, `pixel`, `channel` |
/// | `scale` | `none` | `none`, `range`, `deviation` |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NormalizationConfig {
    /// What is subtracted.
    pub mean: Mean,
    /// What is divided by.
    pub scale: Scale,
}

/// A fitted normalisation: x = (pixel - mean) * scale, for every pixel of an image C, H, W.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    shape: [usize; 3],
    mean: Vec<f32>,
    scale: f32,
}

impl Normalization {
    /// Fits mean and scale to the training images, and to nothing else.
    ///
    /// The sums are sums of bytes, kept as integers: they are exact, whatever the order and however many images.
    ///
    /// # Errors
    /// [`DataError::NoImages`] for an empty set; [`DataError::NoDeviation`] if [`Scale::Deviation`] is asked for and
    /// every pixel equals its mean.
    pub fn fit(train: &ImageSet, config: NormalizationConfig) -> Result<Self, DataError> {
        if train.is_empty() {
            return Err(DataError::NoImages);
        }
        let sums = Sums::of(train);
        let [channels, height, width] = train.shape();
        let area = height * width;
        let images = train.len() as f64;
        let mean = match config.mean {
            Mean::None => vec![0.0; channels * area],
            Mean::Pixel => sums
                .pixel
                .iter()
                .map(|&sum| (sum as f64 / images) as f32)
                .collect(),
            Mean::Channel => sums
                .pixel
                .chunks_exact(area)
                .flat_map(|plane| {
                    let mean = plane.iter().sum::<u64>() as f64 / (images * area as f64);
                    std::iter::repeat_n(mean as f32, area)
                })
                .collect(),
        };
        let scale = match config.scale {
            Scale::None => 1.0,
            Scale::Range => 1.0 / f64::from(train.brightest()),
            Scale::Deviation => {
                // A deviation is about a mean in any case; if none is subtracted, about that of all pixels.
                let together = match config.mean {
                    Mean::None => channels * area,
                    Mean::Channel => area,
                    Mean::Pixel => 1,
                };
                let variance = sums.variance(train.len(), together);
                if variance == 0.0 {
                    return Err(DataError::NoDeviation);
                }
                1.0 / variance.sqrt()
            }
        };
        Ok(Self {
            shape: train.shape(),
            mean,
            scale: scale as f32,
        })
    }

    /// A normalisation fitted earlier: `mean` in the order C, H, W, and the factor `scale`.
    ///
    /// # Errors
    /// [`DataError::Shape`], [`DataError::MeanLength`] if `mean` does not have C H W values,
    /// [`DataError::MeanValue`] for a mean that is not finite, [`DataError::ScaleValue`] for a scale that is not finite
    /// and positive.
    pub fn from_parts(shape: [usize; 3], mean: Vec<f32>, scale: f32) -> Result<Self, DataError> {
        let expected = volume(shape)?;
        if mean.len() != expected {
            return Err(DataError::MeanLength {
                expected,
                found: mean.len(),
            });
        }
        if let Some(&found) = mean.iter().find(|value| !value.is_finite()) {
            return Err(DataError::MeanValue { found });
        }
        if !(scale.is_finite() && scale > 0.0) {
            return Err(DataError::ScaleValue { found: scale });
        }
        Ok(Self { shape, mean, scale })
    }

    /// Channels, height and width of the images it is for.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// What is subtracted, C, H, W.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// What the difference is multiplied by.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Writes the normalised `image` (C, H, W) to `out`.
    ///
    /// # Errors
    /// [`DataError::ImageLength`] if one of them does not have C H W values.
    pub fn apply(&self, image: &[u8], out: &mut [f32]) -> Result<(), DataError> {
        let expected = self.mean.len();
        for (what, found) in [
            ("the image", image.len()),
            ("the room for the normalised image", out.len()),
        ] {
            if found != expected {
                return Err(DataError::ImageLength {
                    what,
                    expected,
                    found,
                });
            }
        }
        self.write(image, out);
        Ok(())
    }

    /// [`apply`](Self::apply) where the lengths are known to fit.
    pub(crate) fn write(&self, image: &[u8], out: &mut [f32]) {
        for ((value, &pixel), &mean) in out.iter_mut().zip(image).zip(&self.mean) {
            *value = (f32::from(pixel) - mean) * self.scale;
        }
    }
}

/// Exact sums over the images of a set.
struct Sums {
    /// For every place of an image, the sum of its pixels.
    pixel: Vec<u64>,
    /// Sum of the squares of all pixels.
    squares: u64,
}

impl Sums {
    fn of(images: &ImageSet) -> Self {
        let mut pixel = vec![0; images.volume()];
        let mut squares = 0;
        for image in images.pixels().chunks_exact(images.volume()) {
            for (sum, &value) in pixel.iter_mut().zip(image) {
                *sum += u64::from(value);
            }
            squares += image
                .iter()
                .map(|&value| u64::from(u32::from(value).pow(2)))
                .sum::<u64>();
        }
        Self { pixel, squares }
    }

    /// Variance of the pixels about the means of groups of `together` successive places.
    ///
    /// With n = `images` x `together` pixels in a group g and s_g their sum, the sum over all pixels of
    /// (x - s_g / n)^2 is sum x^2 - sum s_g^2 / n; multiplied by n it is an integer, so that equal pixels give 0.
    fn variance(&self, images: usize, together: usize) -> f64 {
        let group = images as u128 * together as u128;
        let squared_sums: u128 = self
            .pixel
            .chunks_exact(together)
            .map(|places| u128::from(places.iter().sum::<u64>()).pow(2))
            .sum();
        let scatter = group * u128::from(self.squares) - squared_sums;
        scatter as f64 / group as f64 / (images as f64 * self.pixel.len() as f64)
    }
}
