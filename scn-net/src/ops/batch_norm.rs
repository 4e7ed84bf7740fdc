//! Batch normalisation, with or without learned scale and shift.
//!
//! Per channel, over all positions of the images of a group, which are neighbours in the batch:
//!
//! ```text
//! μ = mean x,   σ² = mean (x - μ)²,   n = (x - μ) / sqrt(σ² + ε),   y = γ n + β
//! dLoss/dx = γ (dy - mean dy - n mean(n dy)) / sqrt(σ² + ε)
//! dLoss/dγ = sum n dy,   dLoss/dβ = sum dy,   over all groups
//! ```
//!
//! The second line differentiates through μ and σ². Without scale and shift γ = 1 and β = 0. Ioffe,
//! Szegedy, "Batch normalization: Accelerating deep network training by reducing internal covariate
//! shift" (2015), algorithm 1. One group is the whole batch; several are what a batch has that is
//! divided among several devices.

use rayon::prelude::*;
use scn_data::groups;
use scn_solvers::tile::{Kernel, Lanes, Real};

use crate::moments::{ChannelMoments, GroupMoments};
use crate::tensor::Tensor;

/// Learned scale γ and shift β of each channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affine<'a> {
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
}

/// Of a loss, by x and by scale and shift.
pub(crate) struct Gradients {
    pub(crate) x: Tensor,
    /// One per channel.
    pub(crate) scale: Vec<f32>,
    /// One per channel.
    pub(crate) shift: Vec<f32>,
}

/// (x - μ) / sqrt(σ² + ε) for one channel.
#[derive(Clone, Copy)]
struct Normalizer {
    mean: f32,
    inverse: f32,
}

impl Normalizer {
    fn new(mean: f32, variance: f32, epsilon: f32) -> Self {
        Self {
            mean,
            inverse: 1.0 / (variance + epsilon).sqrt(),
        }
    }

    #[inline(always)]
    fn normalize(self, x: f32) -> f32 {
        (x - self.mean) * self.inverse
    }

    /// Writes y for each x of a channel.
    #[inline(always)]
    fn write<'y>(
        self,
        affine: Option<Affine<'_>>,
        channel: usize,
        places: impl Iterator<Item = (f32, &'y mut f32)>,
    ) {
        match affine {
            None => places.for_each(|(x, y)| *y = self.normalize(x)),
            Some(Affine { scale, shift }) => {
                let (scale, shift) = (scale[channel], shift[channel]);
                places.for_each(|(x, y)| *y = scale * self.normalize(x) + shift);
            }
        }
    }
}

/// A batch in which each of so many groups is normalised by its own moments, and these: each
/// channel by one thread, which reads it from memory once.
pub(crate) fn forward(
    x: &Tensor,
    group_count: usize,
    affine: Option<Affine<'_>>,
    epsilon: f32,
) -> (Tensor, Vec<GroupMoments>) {
    let shape = x.shape();
    let (channels, plane) = (shape.channels, shape.height * shape.width);
    let mut y = Tensor::unspecified(shape);
    let by_channel: Vec<Vec<(f32, f32)>> = y
        .data_mut()
        .par_chunks_mut(shape.positions().max(1))
        .enumerate()
        .map(|(channel, y)| {
            let x = x.channel(channel);
            let of_group = |group: std::ops::Range<usize>| {
                let places = group.start * plane..group.end * plane;
                let (x, y) = (&x[places.clone()], &mut y[places]);
                let (mean, variance) = moments(x);
                let places = x.iter().copied().zip(y);
                Normalizer::new(mean, variance, epsilon).write(affine, channel, places);
                (mean, variance)
            };
            groups(shape.images, group_count).map(of_group).collect()
        })
        .collect();
    let of_group = |(index, group): (usize, std::ops::Range<usize>)| {
        let pairs = (0..channels).map(|channel| by_channel[channel][index]);
        let (mean, variance) = pairs.unzip();
        GroupMoments {
            images: group.len(),
            moments: ChannelMoments { mean, variance },
        }
    };
    let of_groups = groups(shape.images, group_count).enumerate().map(of_group);
    (y, of_groups.collect())
}

/// Mean and variance of the positions of a group in a channel, summed in f64.
fn moments(values: &[f32]) -> (f32, f32) {
    let count = values.len().max(1) as f64;
    // Any number of about their size: the squares then hold little besides the variance.
    let origin = f64::from(values.first().copied().unwrap_or(0.0));
    let sums = f32::dispatch(Sums {
        values: [values, values],
        terms: |[x, _]: [f32; 2]| {
            let difference = f64::from(x) - origin;
            [difference, difference * difference]
        },
    });
    let [mean, square] = sums.map(|sum| sum / count);
    let variance = (square - mean * mean).max(0.0);
    ((origin + mean) as f32, variance as f32)
}

/// γ (x - μ) / sqrt(σ² + ε) + β with given moments, in place.
pub(crate) fn normalize(
    mut x: Tensor,
    moments: &ChannelMoments,
    affine: Option<Affine<'_>>,
    epsilon: f32,
) -> Tensor {
    let positions = x.shape().positions().max(1);
    x.data_mut()
        .par_chunks_mut(positions)
        .enumerate()
        .for_each(|(channel, values)| {
            let (mean, variance) = (moments.mean[channel], moments.variance[channel]);
            let places = values.iter_mut().map(|value| (*value, value));
            Normalizer::new(mean, variance, epsilon).write(affine, channel, places);
        });
    x
}

/// The gradients from dLoss/dy, that by x in its place, given x, the moments of its groups, and the
/// scale if there is one.
pub(crate) fn backward(
    x: &Tensor,
    of_groups: &[GroupMoments],
    scale: Option<&[f32]>,
    epsilon: f32,
    mut dy: Tensor,
) -> Gradients {
    let shape = x.shape();
    let plane = shape.height * shape.width;
    let (by_scale, by_shift) = dy
        .data_mut()
        .par_chunks_mut(shape.positions().max(1))
        .enumerate()
        .map(|(channel, dy)| {
            let x = x.channel(channel);
            let scale = scale.map_or(1.0, |scale| scale[channel]);
            let [mut by_scale, mut by_shift] = [0.0; 2];
            let mut first = 0;
            for GroupMoments { images, moments } in of_groups {
                let places = first..first + images * plane;
                first = places.end;
                let (x, dy) = (&x[places.clone()], &mut dy[places]);
                let (mean, variance) = (moments.mean[channel], moments.variance[channel]);
                let normalizer = Normalizer::new(mean, variance, epsilon);
                let sums = f32::dispatch(Sums {
                    values: [dy, x],
                    terms: |[dy, x]: [f32; 2]| {
                        let dy = f64::from(dy);
                        [dy, dy * f64::from(normalizer.normalize(x))]
                    },
                });
                by_shift += sums[0];
                by_scale += sums[1];
                let count = x.len().max(1) as f64;
                let [mean, projection] = sums.map(|sum| (sum / count) as f32);
                let factor = scale * normalizer.inverse;
                for (dy, &x) in dy.iter_mut().zip(x) {
                    *dy = (*dy - mean - normalizer.normalize(x) * projection) * factor;
                }
            }
            (by_scale as f32, by_shift as f32)
        })
        .unzip();
    Gradients {
        x: dy,
        scale: by_scale,
        shift: by_shift,
    }
}

/// Independent partial sums: they hide the latency of an addition, whatever the width of vectors.
const LANES: usize = 32;

/// Sums of two terms over all places of two slices, in f64 and always in the same order.
struct Sums<'a, F> {
    values: [&'a [f32]; 2],
    terms: F,
}

impl<F: Fn([f32; 2]) -> [f64; 2]> Kernel<f32> for Sums<'_, F> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, _: L) -> [f64; 2] {
        let [(a, a_rest), (b, b_rest)] = self.values.map(|values| values.as_chunks::<LANES>());
        let mut sums = [[0.0; LANES]; 2];
        let mut add = |lane: usize, a: f32, b: f32| {
            let [first, second] = (self.terms)([a, b]);
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
    use approx::abs_diff_eq;

    use super::*;
    use crate::shape::Shape;
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

    /// Some images of a batch.
    fn part(x: &Tensor, images: std::ops::Range<usize>) -> Tensor {
        let shape = x.shape();
        let plane = shape.height * shape.width;
        let rows = (0..shape.channels).flat_map(|channel| {
            let places = images.start * plane..images.end * plane;
            x.channel(channel)[places].to_vec()
        });
        let shape = Shape {
            images: images.len(),
            ..shape
        };
        Tensor::new(shape, rows.collect()).unwrap()
    }

    proptest! {
        #[test]
        fn normalised_channels_have_mean_zero_and_variance_one(channels in 1usize..4, images in 1usize..5, seed in 0u64..1000) {
            let x = tensor(channels, images, seed);
            let count = x.shape().positions() as f64;
            let (y, of_groups) = forward(&x, 1, None, 1e-12);
            let moments = &of_groups[0].moments;
            prop_assert_eq!(&normalize(x, moments, None, 1e-12), &y);
            for channel in 0..channels {
                let values = y.channel(channel);
                let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
                let square = values.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / count;
                // Each number is rounded to f32 a few times; its size is moderate.
                let rounding = 32.0 * f64::from(f32::EPSILON) * (1.0 + f64::from(moments.mean[channel].abs())
                    / f64::from(moments.variance[channel]).sqrt());
                prop_assert!(abs_diff_eq!(mean, 0.0, epsilon = rounding), "{mean}");
                prop_assert!(abs_diff_eq!(square, 1.0, epsilon = rounding.max(1e-5)), "{square}");
            }
        }

        /// To the bit, but for the gradients of scale and shift, which are sums over groups: f32
        /// numbers added up in f64, then rounded once.
        #[test]
        fn each_group_is_normalised_as_if_it_were_alone(
            channels in 1usize..4, images in 1usize..9, count in 1usize..5, seed in 0u64..1000, learned: bool,
        ) {
            let (x, dy) = (tensor(channels, images, seed), tensor(channels, images, seed + 13));
            let (scale, shift) = ([0.5, -2.0, 1.5], [3.0, 0.0, -1.0]);
            let affine = learned.then_some(Affine { scale: &scale, shift: &shift });
            let scale = learned.then_some(&scale[..]);
            let (y, of_groups) = forward(&x, count, affine, 1e-4);
            let gradients = backward(&x, &of_groups, scale, 1e-4, dy.clone());
            let (mut by_scale, mut by_shift) = (vec![0.0; channels], vec![0.0; channels]);
            for (group, moments) in groups(images, count).zip(&of_groups) {
                let (x, dy) = (part(&x, group.clone()), part(&dy, group.clone()));
                let (alone, own) = forward(&x, 1, affine, 1e-4);
                prop_assert_eq!(&own[0], moments);
                prop_assert_eq!(&alone, &part(&y, group.clone()));
                let alone = backward(&x, &own, scale, 1e-4, dy);
                prop_assert_eq!(&alone.x, &part(&gradients.x, group));
                for channel in 0..channels {
                    by_scale[channel] += f64::from(alone.scale[channel]);
                    by_shift[channel] += f64::from(alone.shift[channel]);
                }
            }
            for (found, expected) in gradients.scale.iter().zip(by_scale).chain(gradients.shift.iter().zip(by_shift)) {
                // Each group's own is rounded to f32; it is a sum of at most 120 terms of size 4.
                let epsilon = 5.0 * 480.0 * f64::from(f32::EPSILON);
                prop_assert!(abs_diff_eq!(f64::from(*found), expected, epsilon = epsilon), "{found} {expected}");
            }
        }

        /// `<dy, y(p + h v) - y(p - h v)> / 2h = <dp, v>` for p = x, scale and shift together. In
        /// f32 with h = 2⁻⁶ the difference carries `ε/h` = 8e-6 of rounding per term and `h²/6` =
        /// 4e-5 of truncation, times derivatives of moderate size.
        #[test]
        fn backward_agrees_with_differences(channels in 1usize..3, images in 2usize..5, count in 1usize..3, seed in 0u64..1000) {
            let x = tensor(channels, images, seed);
            let (v, dy) = (tensor(channels, images, seed + 7), tensor(channels, images, seed + 13));
            let (scale, shift) = ([1.25, -0.5], [0.5, 2.0]);
            let (scale_v, shift_v) = ([0.75, -0.25], [1.0, -0.5]);
            let epsilon = 1e-1;
            let h = 1.0 / 64.0;
            let at = |step: f32| {
                let moved = |value: &[f32], v: &[f32]| -> Vec<f32> { value.iter().zip(v).map(|(x, v)| x + step * v).collect() };
                let x = Tensor::new(x.shape(), moved(x.data(), v.data())).unwrap();
                let (scale, shift) = (moved(&scale, &scale_v), moved(&shift, &shift_v));
                let (y, _) = forward(&x, count, Some(Affine { scale: &scale, shift: &shift }), epsilon);
                y.data().iter().zip(dy.data()).map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum::<f64>()
            };
            let difference = (at(h) - at(-h)) / f64::from(2.0 * h);
            let (_, of_groups) = forward(&x, count, None, epsilon);
            let gradients = backward(&x, &of_groups, Some(&scale), epsilon, dy.clone());
            let parts = [(gradients.x.data(), v.data()), (&gradients.scale, &scale_v), (&gradients.shift, &shift_v)];
            let terms = || parts.iter().flat_map(|(d, v)| d.iter().zip(*v)).map(|(&d, &v)| f64::from(d * v));
            let size = terms().map(f64::abs).sum::<f64>() + 1.0;
            let analytic: f64 = terms().sum();
            prop_assert!(abs_diff_eq!(difference, analytic, epsilon = 1e-3 * size), "{difference} {analytic}");
        }
    }
}
