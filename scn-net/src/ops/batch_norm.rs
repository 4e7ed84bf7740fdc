//! Batch normalisation, with or without learned scale and shift.
//!
//! For each channel, over all positions of the images of a group, which are consecutive in the
//! batch:
//!
//! ```text
//! μ = mean x,   σ² = mean (x - μ)²,   n = (x - μ) / sqrt(σ² + ε),   y = γ n + β
//! dLoss/dx = γ (dy - mean dy - n mean(n dy)) / sqrt(σ² + ε)
//! dLoss/dγ = sum n dy,   dLoss/dβ = sum dy,   over all groups
//! ```
//!
//! The second line differentiates through μ and σ². Without scale and shift, γ = 1 and β = 0. See
//! Ioffe, Szegedy, "Batch normalization: Accelerating deep network training by reducing internal
//! covariate shift" (2015), algorithm 1. A single group is the whole batch; several groups
//! correspond to a batch divided among several devices.

mod sums;

use std::ops::Range;

use rayon::prelude::*;
use scn_solvers::tile::Real;

pub(crate) use self::sums::Grouped;
use self::sums::{Spread, Sums, add_both, add_spread, moments, spread};
use crate::error::NetError;
use crate::moments::{ChannelMoments, GroupMoments};
use crate::share::OwnNode;
use crate::tensor::Tensor;

/// The learned scale γ and shift β of each channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affine<'a> {
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
}

/// The gradients of a loss with respect to x, scale and shift.
pub(crate) struct Gradients {
    pub(crate) x: Tensor,
    /// One number per channel.
    pub(crate) scale: Vec<f32>,
    /// One number per channel.
    pub(crate) shift: Vec<f32>,
}

/// The normalisation (x - μ) / sqrt(σ² + ε) of one channel.
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

/// Normalises each group of a batch by its own moments, which are also returned. In a single
/// process, one thread takes each channel and reads it from memory once.
///
/// # Errors
/// Returns an error if a process fails.
pub(crate) fn forward(
    x: &Tensor,
    groups: Grouped<'_>,
    affine: Option<Affine<'_>>,
    epsilon: f32,
) -> Result<(Tensor, Vec<GroupMoments>), NetError> {
    let shape = x.shape();
    let nodes = groups.sums.own_nodes();
    let spread_of = |channel: usize, node: &OwnNode| {
        let x = x.channel(channel);
        groups.sum(node, shape, |places| spread(&x[places]), add_spread)
    };
    let mut y = Tensor::unspecified(shape);
    let normalize = |channel: usize, places: Range<usize>, y: &mut [f32], (mean, variance)| {
        let x = &x.channel(channel)[places.clone()];
        let places = x.iter().copied().zip(&mut y[places]);
        Normalizer::new(mean, variance, epsilon).write(affine, channel, places);
    };
    let outputs = channels_mut(&mut y);
    let by_channel: Vec<Vec<(f32, f32)>> = if groups.processes.count() == 1 {
        let one = |(channel, y): (usize, &mut [f32])| {
            let of_group = |node: &OwnNode| {
                let found = moments(spread_of(channel, node));
                normalize(channel, groups.node(node, shape), y, found);
                found
            };
            nodes.iter().map(of_group).collect()
        };
        outputs.map(one).collect()
    } else {
        let channels = (0..shape.channels).into_par_iter();
        let own =
            channels.map(|channel| nodes.iter().map(|node| spread_of(channel, node)).collect());
        let all = groups.exchange(own.collect(), add_spread)?;
        let one = |(channel, y): (usize, &mut [f32])| {
            let of_group = |(group, spreads): (usize, &Vec<Spread>)| {
                let found = moments(spreads[channel]);
                let places = groups.places(groups.sums.tree_images(group), shape);
                normalize(channel, places, y, found);
                found
            };
            all.iter().enumerate().map(of_group).collect()
        };
        outputs.map(one).collect()
    };
    let of_group = |group: usize| {
        let pairs = by_channel.iter().map(|groups| groups[group]);
        let (mean, variance) = pairs.unzip();
        GroupMoments {
            images: groups.sums.tree_images(group).len(),
            moments: ChannelMoments { mean, variance },
        }
    };
    Ok((y, (0..groups.sums.len()).map(of_group).collect()))
}

/// Returns the channels of a map with their indices.
fn channels_mut(map: &mut Tensor) -> impl IndexedParallelIterator<Item = (usize, &mut [f32])> {
    let positions = map.shape().positions();
    let channels = map.shape().channels;
    // A process may have no image of a batch.
    let (empty, data) = if positions == 0 {
        (channels, &mut [][..])
    } else {
        (0, map.data_mut())
    };
    let none = (0..empty).into_par_iter().map(|_| &mut [][..]);
    none.chain(data.par_chunks_mut(positions.max(1)))
        .enumerate()
}

/// Computes γ (x - μ) / sqrt(σ² + ε) + β with given moments, in place.
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

/// Returns the gradients, given dLoss/dy, x, the moments of its groups, and the scale if there is
/// one. The gradient with respect to x overwrites `dy`. Those with respect to scale and shift are
/// sums over the whole batch.
///
/// # Errors
/// Returns an error if a process fails.
pub(crate) fn backward(
    x: &Tensor,
    groups: Grouped<'_>,
    of_groups: &[GroupMoments],
    scale: Option<&[f32]>,
    epsilon: f32,
    mut dy: Tensor,
) -> Result<Gradients, NetError> {
    let shape = x.shape();
    let nodes = groups.sums.own_nodes();
    let normalizer = |channel: usize, group: usize| {
        let ChannelMoments { mean, variance } = &of_groups[group].moments;
        Normalizer::new(mean[channel], variance[channel], epsilon)
    };
    // Sums of dy and of n dy over a node.
    let sums_of = |channel: usize, node: &OwnNode, dy: &[f32]| {
        let (x, normalizer) = (x.channel(channel), normalizer(channel, node.tree));
        let leaf = |places: Range<usize>| {
            f32::dispatch(Sums {
                values: [&dy[places.clone()], &x[places]],
                terms: |[dy, x]: [f32; 2]| {
                    let dy = f64::from(dy);
                    [dy, dy * f64::from(normalizer.normalize(x))]
                },
            })
        };
        groups.sum(node, shape, leaf, add_both)
    };
    let pull_back = |channel: usize, group: usize, sums: [f64; 2], dy: &mut [f32]| {
        let places = groups.places(groups.sums.tree_images(group), shape);
        let normalizer = normalizer(channel, group);
        let count = of_groups[group].images * shape.height * shape.width;
        let [mean, projection] = sums.map(|sum| (sum / count.max(1) as f64) as f32);
        let factor = scale.map_or(1.0, |scale| scale[channel]) * normalizer.inverse;
        let x = &x.channel(channel)[places.clone()];
        for (dy, &x) in dy[places].iter_mut().zip(x) {
            *dy = (*dy - mean - normalizer.normalize(x) * projection) * factor;
        }
    };
    let over_groups = |sums: &[[f64; 2]]| {
        let mut total = [0.0; 2];
        sums.iter().for_each(|&sums| add_both(&mut total, sums));
        (total[1] as f32, total[0] as f32)
    };
    let (scale, shift) = if groups.processes.count() == 1 {
        let one = |(channel, dy): (usize, &mut [f32])| {
            let of_group = |node: &OwnNode| {
                let sums = sums_of(channel, node, dy);
                pull_back(channel, node.tree, sums, dy);
                sums
            };
            let sums: Vec<[f64; 2]> = nodes.iter().map(of_group).collect();
            over_groups(&sums)
        };
        channels_mut(&mut dy).map(one).unzip()
    } else {
        let channels = (0..shape.channels).into_par_iter();
        let own = channels.map(|channel| {
            let dy = dy.channel(channel);
            nodes
                .iter()
                .map(|node| sums_of(channel, node, dy))
                .collect()
        });
        let all = groups.exchange(own.collect(), add_both)?;
        let one = |(channel, dy): (usize, &mut [f32])| {
            let sums: Vec<[f64; 2]> = all.iter().map(|sums| sums[channel]).collect();
            for (group, &sums) in sums.iter().enumerate() {
                pull_back(channel, group, sums, dy);
            }
            over_groups(&sums)
        };
        channels_mut(&mut dy).map(one).unzip()
    };
    Ok(Gradients {
        x: dy,
        scale,
        shift,
    })
}

#[cfg(test)]
mod tests {
    use approx::{abs_diff_eq, assert_abs_diff_eq, assert_relative_eq};

    use super::*;
    use proptest::prelude::*;
    use scn_data::groups;
    use scn_solvers::processes::Alone;

    use crate::shape::Shape;
    use crate::share::BatchShare;

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

    fn in_groups<R>(x: &Tensor, count: usize, run: impl FnOnce(Grouped<'_>) -> R) -> R {
        let sums = BatchShare::of(x.shape().images, 0, 1).group_sums(count);
        run(Grouped {
            sums: &sums,
            first: 0,
            processes: &Alone,
        })
    }

    fn forward(
        x: &Tensor,
        count: usize,
        affine: Option<Affine<'_>>,
        epsilon: f32,
    ) -> (Tensor, Vec<GroupMoments>) {
        in_groups(x, count, |groups| {
            super::forward(x, groups, affine, epsilon)
        })
        .unwrap()
    }

    fn backward(
        x: &Tensor,
        of_groups: &[GroupMoments],
        scale: Option<&[f32]>,
        epsilon: f32,
        dy: Tensor,
    ) -> Gradients {
        let back = |groups: Grouped<'_>| super::backward(x, groups, of_groups, scale, epsilon, dy);
        in_groups(x, of_groups.len(), back).unwrap()
    }

    /// Returns some images of a batch.
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
                // Each number is rounded to f32 a few times, and has moderate size.
                let rounding = 32.0 * f64::from(f32::EPSILON) * (1.0 + f64::from(moments.mean[channel].abs())
                    / f64::from(moments.variance[channel]).sqrt());
                prop_assert!(abs_diff_eq!(mean, 0.0, epsilon = rounding), "{mean}");
                prop_assert!(abs_diff_eq!(square, 1.0, epsilon = rounding.max(1e-5)), "{square}");
            }
        }

        /// Sums in f64 run over different leaves, so moments may round to neighbouring f32 numbers.
        /// The gradients of scale and shift are sums over groups, each rounded to f32 here.
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
                prop_assert_eq!(own[0].images, moments.images);
                let ChannelMoments { mean, variance } = &moments.moments;
                assert_relative_eq!(own[0].moments.mean[..], mean[..], epsilon = 1e-9, max_relative = f32::EPSILON);
                assert_relative_eq!(own[0].moments.variance[..], variance[..], epsilon = 1e-9, max_relative = f32::EPSILON);
                // Rounding the mean, of size 1, changes y by this much: |n| is below 11 for 120
                // numbers, and |γ| is at most 2. In dx it occurs twice.
                let least = variance.iter().copied().fold(f32::INFINITY, f32::min);
                let rounding = 2.0 * f32::EPSILON * 12.0 / (least + 1e-4).sqrt();
                assert_abs_diff_eq!(alone.data(), part(&y, group.clone()).data(), epsilon = rounding);
                let alone = backward(&x, &own, scale, 1e-4, dy);
                let rounding = 2.0 * 12.0 * rounding / (least + 1e-4).sqrt();
                assert_abs_diff_eq!(alone.x.data(), part(&gradients.x, group).data(), epsilon = rounding);
                for channel in 0..channels {
                    by_scale[channel] += f64::from(alone.scale[channel]);
                    by_shift[channel] += f64::from(alone.shift[channel]);
                }
            }
            for (found, expected) in gradients.scale.iter().zip(by_scale).chain(gradients.shift.iter().zip(by_shift)) {
                // The gradient of each group is rounded to f32. It is a sum of at most 120 terms of
                // size 4.
                let epsilon = 5.0 * 480.0 * f64::from(f32::EPSILON);
                prop_assert!(abs_diff_eq!(f64::from(*found), expected, epsilon = epsilon), "{found} {expected}");
            }
        }

        /// `<dy, y(p + h v) - y(p - h v)> / 2h = <dp, v>` for p = x, scale and shift together. In
        /// f32 with h = 2⁻⁶, the difference has a rounding error of `ε/h` = 8e-6 per term and a
        /// truncation error of `h²/6` = 4e-5, times derivatives of moderate size.
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
