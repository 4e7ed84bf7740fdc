//! Means and variances of the training images.
//!
//! Both are computed over groups of `together` successive positions of an image: 1 for every pixel
//! separately, H W for every channel, C H W for all pixels.

use crate::contrast::Contrast;
use crate::error::NormalizationError;
use crate::images::ImageSet;
use crate::pixels::PixelSlice;
use crate::watch::{FitStage, Watch};

/// The means and variances that a normalisation is fitted to.
pub(crate) trait Statistics {
    /// Returns the mean of every group, over all images.
    fn means(&self, together: usize) -> Vec<f64>;

    /// Returns the mean squared distance from the mean of the group, over all positions and images.
    fn variance(&self, together: usize, watch: &mut Watch<'_>) -> Result<f64, NormalizationError>;
}

/// Statistics of unchanged bytes. They are exact, because sums of bytes are kept as integers.
pub(crate) struct ByteStatistics {
    images: usize,
    /// For every position of an image, the sum over all images.
    pixel: Vec<u64>,
    /// Sum of the squares of all pixels.
    squares: u64,
}

impl ByteStatistics {
    /// Computes the sums over successive images of `volume` pixels each.
    pub(crate) fn of(
        pixels: &[u8],
        volume: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Self, NormalizationError> {
        let mut pixel = vec![0; volume];
        let mut squares = 0;
        for (index, image) in pixels.chunks_exact(volume).enumerate() {
            watch.image(FitStage::Moments, index)?;
            for (sum, &value) in pixel.iter_mut().zip(image) {
                *sum += u64::from(value);
            }
            squares += image
                .iter()
                .map(|&value| u64::from(u32::from(value).pow(2)))
                .sum::<u64>();
        }
        Ok(Self {
            images: pixels.len() / volume,
            pixel,
            squares,
        })
    }
}

impl Statistics for ByteStatistics {
    fn means(&self, together: usize) -> Vec<f64> {
        let count = self.images as f64 * together as f64;
        self.pixel
            .chunks_exact(together)
            .map(|places| places.iter().sum::<u64>() as f64 / count)
            .collect()
    }

    /// With n = `images` x `together` pixels in a group g and s_g their sum, the sum over all
    /// pixels of (x - s_g / n)^2 is sum x^2 - sum s_g^2 / n. Multiplied by n it is an integer, so
    /// equal pixels give 0.
    fn variance(&self, together: usize, _: &mut Watch<'_>) -> Result<f64, NormalizationError> {
        let group = self.images as u128 * together as u128;
        let squared_sums: u128 = self
            .pixel
            .chunks_exact(together)
            .map(|places| u128::from(places.iter().sum::<u64>()).pow(2))
            .sum();
        let scatter = group * u128::from(self.squares) - squared_sums;
        Ok(scatter as f64 / group as f64 / (self.images as f64 * self.pixel.len() as f64))
    }
}

/// Statistics of floating point numbers, which are pixels or the results of contrast normalisation.
/// They are summed in f64, in the order of the images.
pub(crate) struct FloatStatistics<'a> {
    images: &'a ImageSet,
    contrast: Option<Contrast>,
    /// For every position, the sum over all images.
    sums: Vec<f64>,
}

impl<'a> FloatStatistics<'a> {
    pub(crate) fn of(
        images: &'a ImageSet,
        contrast: Option<Contrast>,
        watch: &mut Watch<'_>,
    ) -> Result<Self, NormalizationError> {
        let mut sums = vec![0.0; images.volume()];
        let mut values = vec![0.0; images.volume()];
        for (index, image) in images.pixels().images(images.volume()).enumerate() {
            watch.image(FitStage::Moments, index)?;
            write(contrast, image, &mut values);
            for (sum, &value) in sums.iter_mut().zip(&values) {
                *sum += f64::from(value);
            }
        }
        Ok(Self {
            images,
            contrast,
            sums,
        })
    }
}

impl Statistics for FloatStatistics<'_> {
    fn means(&self, together: usize) -> Vec<f64> {
        let count = self.images.len() as f64 * together as f64;
        self.sums
            .chunks_exact(together)
            .map(|places| places.iter().sum::<f64>() / count)
            .collect()
    }

    fn variance(&self, together: usize, watch: &mut Watch<'_>) -> Result<f64, NormalizationError> {
        let means = self.means(together);
        let mut values = vec![0.0; self.sums.len()];
        let mut scatter = 0.0;
        let images = self.images.pixels().images(values.len());
        for (index, image) in images.enumerate() {
            watch.image(FitStage::Moments, index)?;
            write(self.contrast, image, &mut values);
            for (places, mean) in values.chunks_exact(together).zip(&means) {
                scatter += places
                    .iter()
                    .map(|&value| (f64::from(value) - mean).powi(2))
                    .sum::<f64>();
            }
        }
        Ok(scatter / (self.images.len() as f64 * values.len() as f64))
    }
}

/// Writes the values of an image, after contrast normalisation if there is any.
fn write(contrast: Option<Contrast>, image: PixelSlice<'_>, out: &mut [f32]) {
    match contrast {
        Some(contrast) => contrast.write(image, out),
        None => out
            .iter_mut()
            .zip(image.values())
            .for_each(|(value, pixel)| *value = pixel),
    }
}
