//! Global contrast normalisation: every image gets mean 0 and, up to a bias, variance 1.
//!
//! Let m and v be the mean and the variance of the n pixels p of one image, over all channels. Then
//!
//! ```text
//! c(p) = (p - m) / sqrt(v + bias),        v = sum (p - m)^2 / n
//! ```
//!
//! so c has mean 0 and variance v / (v + bias). An image without contrast becomes 0, not amplified
//! noise. Nothing is fitted. Coates, Ng, Lee, "An Analysis of Single-Layer Networks in Unsupervised
//! Feature Learning" (2011), use bias 10 for pixels up to 255; their program divides by n - 1.

use crate::error::NormalizationError;
use crate::pixels::PixelSlice;

/// Contrast normalisation with a bias above 0, in squares of the unit of the pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Contrast {
    bias: f64,
}

impl Contrast {
    pub(crate) fn new(bias: f64) -> Result<Self, NormalizationError> {
        if bias.is_finite() && bias > 0.0 {
            Ok(Self { bias })
        } else {
            Err(NormalizationError::ContrastBias { found: bias })
        }
    }

    pub(crate) fn bias(self) -> f64 {
        self.bias
    }

    /// Writes c(`image`) to `out`, which has the same length.
    pub(crate) fn write(self, image: PixelSlice<'_>, out: &mut [f32]) {
        let (mean, variance) = match image {
            PixelSlice::Bytes(pixels) => moments_of_bytes(pixels),
            PixelSlice::Floats(pixels) => moments(pixels),
        };
        let factor = 1.0 / (variance + self.bias).sqrt();
        for (value, pixel) in out.iter_mut().zip(image.values()) {
            *value = ((f64::from(pixel) - mean) * factor) as f32;
        }
    }
}

/// Mean and variance of bytes. Sums of integers are exact, so equal pixels have variance 0.
fn moments_of_bytes(pixels: &[u8]) -> (f64, f64) {
    let count = pixels.len() as u64;
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(pixel)).sum();
    let squares: u64 = pixels
        .iter()
        .map(|&pixel| u64::from(u32::from(pixel).pow(2)))
        .sum();
    let scatter = u128::from(count) * u128::from(squares) - u128::from(sum).pow(2);
    let count = count as f64;
    (sum as f64 / count, scatter as f64 / count / count)
}

/// Mean and variance of numbers, summed in f64.
fn moments(pixels: &[f32]) -> (f64, f64) {
    let count = pixels.len() as f64;
    let mean = pixels.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / count;
    let square = |&pixel: &f32| (f64::from(pixel) - mean).powi(2);
    (mean, pixels.iter().map(square).sum::<f64>() / count)
}
