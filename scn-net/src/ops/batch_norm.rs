//! Batch normalisation without learned scale and shift.
//!
//! Per channel, over all P positions of all images:
//!
//! ```text
//! μ = mean x,   σ² = mean (x - μ)²,   y = (x - μ) / sqrt(σ² + ε)
//! dLoss/dx = (dy - mean dy - y mean(y dy)) / sqrt(σ² + ε)
//! ```
//!
//! The second line differentiates through μ and σ². Ioffe, Szegedy, "Batch normalization" (2015).

use rayon::prelude::*;
use scn_solvers::Scalar;
use scn_solvers::tile::{Kernel, Lanes};

use crate::tensor::Tensor;

/// Mean and (biased) variance of each channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChannelMoments {
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

/// A batch normalised by its own moments, and these: each channel by one thread, which reads it from memory once.
pub(crate) fn forward(x: &Tensor, epsilon: f32) -> (Tensor, ChannelMoments) {
    let positions = x.shape().positions().max(1);
    let mut y = Tensor::unspecified(x.shape());
    let (mean, variance) = y
        .data_mut()
        .par_chunks_mut(positions)
        .enumerate()
        .map(|(channel, y)| {
            let x = x.channel(channel);
            let (mean, variance) = moments(x);
            let inverse = inverse_deviation(variance, epsilon);
            for (y, &x) in y.iter_mut().zip(x) {
                *y = (x - mean) * inverse;
            }
            (mean, variance)
        })
        .unzip();
    (y, ChannelMoments { mean, variance })
}

/// Mean and variance of a channel, summed in f64.
fn moments(values: &[f32]) -> (f32, f32) {
    let count = values.len().max(1) as f64;
    // Any number of about their size: the squares then hold little besides the variance.
    let origin = f64::from(values.first().copied().unwrap_or(0.0));
    let sums = f32::dispatch(Sums {
        values: [values, values],
        terms: |[x, _]: [f64; 2]| [x - origin, (x - origin) * (x - origin)],
    });
    let [mean, square] = sums.map(|sum| sum / count);
    let variance = (square - mean * mean).max(0.0);
    ((origin + mean) as f32, variance as f32)
}

/// `(x - μ) / sqrt(σ² + ε)` with given moments, in place.
pub(crate) fn normalize(mut x: Tensor, moments: &ChannelMoments, epsilon: f32) -> Tensor {
    let positions = x.shape().positions().max(1);
    x.data_mut()
        .par_chunks_mut(positions)
        .enumerate()
        .for_each(|(channel, values)| {
            let mean = moments.mean[channel];
            let inverse = inverse_deviation(moments.variance[channel], epsilon);
            for value in values {
                *value = (*value - mean) * inverse;
            }
        });
    x
}

/// dLoss/dx from dLoss/dy, in place, given `y` and the variance of the batch that made it.
pub(crate) fn backward(y: &Tensor, variance: &[f32], epsilon: f32, mut dy: Tensor) -> Tensor {
    let positions = y.shape().positions().max(1);
    let count = positions as f64;
    dy.data_mut()
        .par_chunks_mut(positions)
        .enumerate()
        .for_each(|(channel, dy)| {
            let y = y.channel(channel);
            let sums = f32::dispatch(Sums {
                values: [dy, y],
                terms: |[dy, y]: [f64; 2]| [dy, dy * y],
            });
            let [mean, projection] = sums.map(|sum| (sum / count) as f32);
            let inverse = inverse_deviation(variance[channel], epsilon);
            for (dy, &y) in dy.iter_mut().zip(y) {
                *dy = (*dy - mean - y * projection) * inverse;
            }
        });
    dy
}

fn inverse_deviation(variance: f32, epsilon: f32) -> f32 {
    1.0 / (variance + epsilon).sqrt()
}

/// Independent partial sums: they hide the latency of an addition, whatever the width of vectors.
const LANES: usize = 32;

/// Sums of two terms over all places of two slices, in f64 and always in the same order.
struct Sums<'a, F> {
    values: [&'a [f32]; 2],
    terms: F,
}

impl<F: Fn([f64; 2]) -> [f64; 2]> Kernel<f32> for Sums<'_, F> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, _: L) -> [f64; 2] {
        let [(a, a_rest), (b, b_rest)] = self.values.map(|values| values.as_chunks::<LANES>());
        let mut sums = [[0.0; LANES]; 2];
        let mut add = |lane: usize, a: f32, b: f32| {
            let [first, second] = (self.terms)([f64::from(a), f64::from(b)]);
            sums[0][lane] += first;
            sums[1][lane] += second;
        };
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                add(lane, a[lane], b[lane]);
            }
        }
        for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
            add(lane, a, b);
        }
        sums.map(|sums| sums.iter().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;
    use proptest::prelude::*;

    fn tensor(channels: usize, images: usize, seed: u64) -> Tensor {
        let shape = Shape {
            channels,
            images,
            height: 3,
            width: 5,
        };
        let noise = |k: usize| {
            ((k as u64 + 1).wrapping_mul(seed.wrapping_mul(2) + 0x9e37_79b9_7f4a_7c15) >> 40) as f32
        };
        Tensor::new(
            shape,
            (0..shape.len()).map(|k| noise(k) / 1e7 - 0.8).collect(),
        )
        .unwrap()
    }

    proptest! {
        #[test]
        fn normalised_channels_have_mean_zero_and_variance_one(channels in 1usize..4, images in 1usize..5, seed in 0u64..1000) {
            let x = tensor(channels, images, seed);
            let count = x.shape().positions() as f64;
            let (y, statistics) = forward(&x, 1e-12);
            prop_assert_eq!(&normalize(x, &statistics, 1e-12), &y);
            for channel in 0..channels {
                let values = y.channel(channel);
                let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
                let square = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / count;
                // Each number is rounded to f32 a few times; its size is moderate.
                let rounding = 32.0 * f64::from(f32::EPSILON) * (1.0 + f64::from(statistics.mean[channel].abs())
                    / f64::from(statistics.variance[channel]).sqrt());
                prop_assert!(mean.abs() < rounding, "{mean}");
                prop_assert!((square - 1.0).abs() < rounding.max(1e-5), "{square}");
            }
        }

        /// `<dy, y(x + h v) - y(x - h v)> / 2h = <dx, v>`. In f32 with h = 2⁻⁶ the difference carries `ε/h` = 8e-6 of
        /// rounding per term and `h²/6` = 4e-5 of truncation, times derivatives of moderate size.
        #[test]
        fn backward_agrees_with_differences(channels in 1usize..3, images in 2usize..5, seed in 0u64..1000) {
            let x = tensor(channels, images, seed);
            let (v, dy) = (tensor(channels, images, seed + 7), tensor(channels, images, seed + 13));
            let epsilon = 1e-1;
            let h = 1.0 / 64.0;
            let at = |step: f32| {
                let moved = x.data().iter().zip(v.data()).map(|(x, v)| x + step * v).collect();
                let moved = Tensor::new(x.shape(), moved).unwrap();
                let (y, _) = forward(&moved, epsilon);
                y.data().iter().zip(dy.data()).map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum::<f64>()
            };
            let difference = (at(h) - at(-h)) / f64::from(2.0 * h);
            let (y, statistics) = forward(&x, epsilon);
            let dx = backward(&y, &statistics.variance, epsilon, dy.clone());
            let analytic: f64 = dx.data().iter().zip(v.data()).map(|(&d, &v)| f64::from(d) * f64::from(v)).sum();
            let size: f64 = dx.data().iter().zip(v.data()).map(|(&d, &v)| f64::from((d * v).abs())).sum::<f64>() + 1.0;
            prop_assert!((difference - analytic).abs() < 1e-3 * size, "{difference} {analytic}");
        }
    }
}
