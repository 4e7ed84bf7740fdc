//! Noise on images, to measure the robustness of a network.

use rand_distr::{Distribution, StandardNormal};

use crate::draws::{Draws, Purpose};
use crate::error::{DataError, ImageError};
use crate::images::ImageSet;
use crate::pixels::{PixelSlice, Pixels};

impl ImageSet {
    /// Returns a copy with Gaussian noise on every pixel:
    ///
    /// ```text
    /// p' = round(min(max(p + deviation B g, 0), B)),        g ~ N(0, 1), B the brightest value
    /// ```
    ///
    /// This follows Hendrycks, Dietterich, "Benchmarking neural network robustness to common
    /// corruptions and perturbations", ICLR 2019, who use deviations from 0.04 to 0.1 for CIFAR-10.
    /// The noise of an image depends on `seed` and on its index in the set. A different deviation
    /// scales the same noise. Pixels that are floating point numbers are neither rounded nor
    /// clamped.
    ///
    /// # Errors
    /// Returns [`ImageError::Noise`] if the deviation is negative or not finite.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::ImageSet;
    ///
    /// let names = ["black".to_owned()];
    /// let black = ImageSet::from_floats(vec![0.0; 16], [1, 4, 4], vec![0], names, 1.0)?;
    /// let weak = black.with_noise(0.1, 7)?;
    /// let strong = black.with_noise(0.2, 7)?;
    /// let doubled = weak.image(0).values().map(|pixel| 2.0 * pixel);
    /// assert!(strong.image(0).values().eq(doubled));
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
    pub fn with_noise(&self, deviation: f64, seed: u64) -> Result<ImageSet, DataError> {
        if !(deviation.is_finite() && deviation >= 0.0) {
            return Err(ImageError::Noise { found: deviation }.into());
        }
        let brightest = f64::from(self.brightest());
        let mut noisy = Vec::with_capacity(self.pixels().len());
        for image in 0..self.len() {
            let mut draws = Draws::new(seed, 0, Purpose::Noise, image as u64);
            noisy.extend(self.image(image).values().map(|pixel| {
                let noise: f64 = StandardNormal.sample(draws.generator());
                f64::from(pixel) + deviation * brightest * noise
            }));
        }
        let values = noisy.into_iter();
        let pixels = match self.pixels() {
            PixelSlice::Bytes(_) => Pixels::Owned(
                values
                    .map(|value| value.clamp(0.0, brightest).round() as u8)
                    .collect(),
            ),
            PixelSlice::Floats(_) => Pixels::Floats(values.map(|value| value as f32).collect()),
        };
        Ok(self.with_pixels(pixels))
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    fn grey(pixel: u8, images: usize) -> ImageSet {
        let pixels = vec![pixel; images * 768];
        let names = ["a".to_string()];
        ImageSet::new(pixels, [3, 16, 16], vec![0; images], names, 255).expect("consistent")
    }

    #[test]
    fn noise_has_the_deviation_asked_for_and_stays_in_range() {
        let noisy = grey(128, 40).with_noise(0.1, 3).expect("in range");
        let count = noisy.pixels().len() as f64;
        let differences = || {
            noisy
                .pixels()
                .values()
                .map(|pixel| f64::from(pixel) - 128.0)
        };
        let mean = differences().sum::<f64>() / count;
        let deviation = (differences().map(|d| d * d).sum::<f64>() / count - mean * mean).sqrt();
        // 30,720 numbers of deviation 25.5: five standard errors are 0.73 for the mean and 0.51 for
        // the deviation. Five standard deviations stay within 0 to 255, and rounding adds 1/12 to
        // the variance.
        assert_abs_diff_eq!(mean, 0.0, epsilon = 0.73);
        assert_abs_diff_eq!(deviation, 25.5, epsilon = 0.51);

        let dark = grey(0, 40).with_noise(0.1, 3).expect("in range");
        let zeros = dark.pixels().values().filter(|&pixel| pixel == 0.0).count() as f64;
        // Half of the noise is negative, and 0.8 % is positive but rounded down to 0.
        assert_abs_diff_eq!(zeros / count, 0.508, epsilon = 0.015);
    }

    #[test]
    fn noise_depends_on_seed_and_place_alone() {
        let images = grey(100, 4);
        let noisy = images.with_noise(0.05, 7).expect("in range");
        assert_eq!(noisy, images.with_noise(0.05, 7).expect("in range"));
        assert_eq!(
            noisy.first(2),
            images.first(2).with_noise(0.05, 7).expect("in range")
        );
        assert_ne!(noisy, images.with_noise(0.05, 8).expect("in range"));
        assert_ne!(noisy.image(0), noisy.image(1));
        assert_eq!(images.with_noise(0.0, 7).expect("in range"), images);
        for found in [-0.1, f64::NAN, f64::INFINITY] {
            let error = images.with_noise(found, 7).expect_err("out of range");
            assert!(matches!(error, DataError::Image(ImageError::Noise { .. })));
        }
    }
}
