//! Batch normalisation, compared with its formulas in f64.

use approx::assert_abs_diff_eq;
use scn_gpu::layers::batch_norm::{self, Affine, AffineGradients, Groups};
use scn_gpu::{ArgumentError, Context, GpuError};

use crate::{Sum, assert_near, device, noise};

const EPSILON: f32 = 1e-5;
const CHANNELS: usize = 5;

/// Returns channels with different means and spreads, one of them constant.
fn channels(count: usize, positions: usize) -> Vec<f32> {
    let mut map = noise(count * positions, 8);
    for (channel, values) in map.chunks_exact_mut(positions).enumerate() {
        let spread = if channel == 2 {
            0.0
        } else {
            channel as f32 + 0.5
        };
        values
            .iter_mut()
            .for_each(|value| *value = 100.0 * channel as f32 + spread * *value);
    }
    map
}

/// Returns mean and variance, computed in f64.
fn moments(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
    (mean, squares.sum::<f64>() / count)
}

/// Whole batches, and groups that may differ in size; runs of one part and of several; with and
/// without learned scale and shift.
#[test]
fn batch_normalisation_forwards_and_backwards() {
    let Some(context) = device() else { return };
    for (images, plane, count) in [
        (1, 1, 1),
        (1, 31, 1),
        (7, 43, 1),
        (7, 43, 3),
        (6, 701, 4),
        (3, 700, 3),
    ] {
        let groups = Groups {
            images,
            plane,
            count,
        };
        batch_normalisation_of(&context, groups, false);
        batch_normalisation_of(&context, groups, true);
    }
}

/// Everything that the device is given and returns. Maps are stored channel by channel.
struct Run {
    scale: Vec<f32>,
    shift: Vec<f32>,
    x: Vec<f32>,
    y: Vec<f32>,
    dy: Vec<f32>,
    dx: Vec<f32>,
    /// One row per group.
    moments: Vec<f32>,
    by_scale: Vec<f32>,
    by_shift: Vec<f32>,
}

/// Entries between the rows of moments, which belong to other normalisations.
const FOREIGN: usize = 3;
const STRIDE: usize = 2 * CHANNELS + FOREIGN;

fn run(context: &Context, groups: Groups, learned: bool) -> Result<Run, GpuError> {
    let x = channels(CHANNELS, groups.images * groups.plane);
    let dy = noise(x.len(), 9);
    let (scale, shift) = (noise(CHANNELS, 5), noise(CHANNELS, 6));
    let [device_x, device_dy] = [&x, &dy].map(|values| context.upload(values).unwrap());
    let [device_scale, device_shift] =
        [&scale, &shift].map(|values| context.upload(values).unwrap());
    let [mut by_scale, mut by_shift] = [0, 0].map(|_| context.zeros(CHANNELS).unwrap());
    let mut moments = context.zeros::<f32>(groups.count * STRIDE)?;
    let mut y = context.unspecified(x.len())?;
    let affine = learned.then(|| Affine {
        scale: device_scale.view(),
        shift: device_shift.view(),
    });
    let rows = moments.view_mut();
    batch_norm::forward(&device_x, groups, affine, EPSILON, rows, STRIDE, &mut y)?;
    let mut dx = context.unspecified(x.len())?;
    let affine = learned.then(|| AffineGradients {
        scale: device_scale.view(),
        by_scale: by_scale.view_mut(),
        by_shift: by_shift.view_mut(),
    });
    let rows = moments.view();
    batch_norm::backward(
        &device_x, groups, affine, EPSILON, rows, STRIDE, &device_dy, &mut dx,
    )?;
    Ok(Run {
        scale: if learned { scale } else { vec![1.0; CHANNELS] },
        shift: if learned { shift } else { vec![0.0; CHANNELS] },
        x,
        y: y.download()?,
        dy,
        dx: dx.download()?,
        moments: moments.download()?,
        by_scale: by_scale.download()?,
        by_shift: by_shift.download()?,
    })
}

fn batch_normalisation_of(context: &Context, groups: Groups, learned: bool) {
    let run = run(context, groups, learned).unwrap();
    let positions = groups.images * groups.plane;
    for channel in 0..CHANNELS {
        let [mut by_scale, mut by_shift] = [Sum::default(); 2];
        for (group, moments) in run.moments.chunks(STRIDE).enumerate() {
            let edge = |group: usize| {
                channel * positions + group * groups.images / groups.count * groups.plane
            };
            let places = edge(group)..edge(group + 1);
            check_group(&run, channel, places.clone(), moments);
            for place in places {
                let dy = f64::from(run.dy[place]);
                by_scale.add(dy * normalized(run.x[place], moments, channel));
                by_shift.add(dy);
            }
            assert!(
                moments[2 * CHANNELS..]
                    .iter()
                    .all(|&foreign| foreign == 0.0)
            );
        }
        if learned {
            // n is rounded three times, the sums once.
            let tolerance = 4.0 * f64::from(f32::EPSILON);
            assert_near(&run.by_scale[channel..=channel], &[by_scale], tolerance);
            assert_near(&run.by_shift[channel..=channel], &[by_shift], tolerance);
        }
    }
}

/// Normalises with the device's moments. The device rounds the difference from the mean and the
/// factor.
fn normalized(x: f32, moments: &[f32], channel: usize) -> f64 {
    let (mean, variance) = (moments[channel], moments[CHANNELS + channel]);
    (f64::from(x) - f64::from(mean)) / (f64::from(variance) + f64::from(EPSILON)).sqrt()
}

/// Compares a channel of a group with its formulas in f64.
fn check_group(run: &Run, channel: usize, places: std::ops::Range<usize>, moments: &[f32]) {
    let (x, dy) = (&run.x[places.clone()], &run.dy[places.clone()]);
    let (mean, variance) = (moments[channel], moments[CHANNELS + channel]);
    let (expected_mean, expected_variance) = self::moments(x);
    // The device computes in f64 and rounds once.
    let epsilon = f64::from(f32::EPSILON) * expected_mean.abs();
    assert_abs_diff_eq!(f64::from(mean), expected_mean, epsilon = epsilon);
    let epsilon = 1e-6 * expected_variance + 1e-12;
    assert_abs_diff_eq!(f64::from(variance), expected_variance, epsilon = epsilon);

    let (scale, shift) = (f64::from(run.scale[channel]), f64::from(run.shift[channel]));
    let n = |&x: &f32| normalized(x, moments, channel);
    let expected = x.iter().map(|x| {
        let mut sum = Sum::default();
        sum.add(scale * n(x));
        sum.add(shift);
        sum
    });
    let expected: Vec<Sum> = expected.collect();
    let tolerance = 8.0 * f64::from(f32::EPSILON);
    assert_near(&run.y[places.clone()], &expected, tolerance);

    let average = |terms: &mut dyn Iterator<Item = f64>| terms.sum::<f64>() / x.len() as f64;
    let mean_dy = average(&mut dy.iter().map(|&dy| f64::from(dy)));
    let projection = average(&mut x.iter().zip(dy).map(|(x, &dy)| n(x) * f64::from(dy)));
    let factor = scale / (f64::from(variance) + f64::from(EPSILON)).sqrt();
    let gradient = |(x, &dy): (&f32, &f32)| {
        let mut sum = Sum::default();
        sum.add(f64::from(dy) * factor);
        sum.add(-mean_dy * factor);
        sum.add(-n(x) * projection * factor);
        sum
    };
    let expected: Vec<Sum> = x.iter().zip(dy).map(gradient).collect();
    assert_near(&run.dx[places], &expected, tolerance);
}

#[test]
fn groups_without_images_are_refused() {
    let Some(context) = device() else { return };
    for count in [0, 4] {
        let groups = Groups {
            images: 3,
            plane: 2,
            count,
        };
        let refused = run(&context, groups, false).err();
        assert!(
            matches!(refused, Some(GpuError::Argument(ArgumentError::Groups { images: 3, found })) if found == count),
            "{refused:?}"
        );
    }
}

#[test]
fn given_moments_normalise() {
    let Some(context) = device() else { return };
    let (count, positions) = (3, 1100);
    let x = noise(count * positions, 3);
    let (mean, variance) = (noise(count, 4), [0.5, 0.0, 2.0]);
    let (scale, shift) = (noise(count, 5), noise(count, 6));
    let on_device = |values: &[f32]| context.upload(values).unwrap();
    let device_x = on_device(&x);
    let [device_mean, device_variance] = [on_device(&mean), on_device(&variance)];
    let [device_scale, device_shift] = [on_device(&scale), on_device(&shift)];
    for learned in [false, true] {
        let affine = learned.then(|| Affine {
            scale: device_scale.view(),
            shift: device_shift.view(),
        });
        let (mean_view, variance_view) = (device_mean.view(), device_variance.view());
        let mut y = context.unspecified(x.len()).unwrap();
        batch_norm::normalize(&device_x, mean_view, variance_view, affine, EPSILON, &mut y)
            .unwrap();
        let expected = (0..x.len()).map(|k| {
            let channel = k / positions;
            let deviation = (f64::from(variance[channel]) + f64::from(EPSILON)).sqrt();
            let n = (f64::from(x[k]) - f64::from(mean[channel])) / deviation;
            let mut sum = Sum::default();
            sum.add(if learned {
                f64::from(scale[channel]) * n
            } else {
                n
            });
            sum.add(if learned {
                f64::from(shift[channel])
            } else {
                0.0
            });
            sum
        });
        let expected: Vec<Sum> = expected.collect();
        let tolerance = 8.0 * f64::from(f32::EPSILON);
        assert_near(&y.download().unwrap(), &expected, tolerance);
    }
}

/// Several groups, one of which has weight 0 and holds NaN.
#[test]
fn running_moments_move_towards_the_mean_of_groups() {
    let Some(context) = device() else { return };
    let (old, count) = (noise(7, 1), 7);
    let groups = [noise(count, 2), vec![f32::NAN; count], noise(count, 3)];
    let weights = [0.75, 0.0, 0.25];
    let mut running = context.upload(&old).unwrap();
    let moments = context.upload(&groups.concat()).unwrap();
    let device_weights = context.upload(&weights).unwrap();
    batch_norm::blend(moments.view(), device_weights.view(), 0.25, &mut running).unwrap();
    let expected: Vec<Sum> = (0..count)
        .map(|k| {
            let mut sum = Sum::default();
            sum.add(0.75 * f64::from(old[k]));
            sum.add(0.25 * 0.75 * f64::from(groups[0][k]));
            sum.add(0.25 * 0.25 * f64::from(groups[2][k]));
            sum.magnitude += f64::from(old[k]).abs();
            sum
        })
        .collect();
    assert_near(
        &running.download().unwrap(),
        &expected,
        3.0 * f64::from(f32::EPSILON),
    );

    // A single batch at rate 1 replaces the moments by its own.
    let mut running = context.upload(&old).unwrap();
    let whole = context.upload(&groups[0]).unwrap();
    let one = context.upload(&[1.0]).unwrap();
    batch_norm::blend(whole.view(), one.view(), 1.0, &mut running).unwrap();
    for ((found, old), new) in running.download().unwrap().iter().zip(&old).zip(&groups[0]) {
        assert_eq!(*found, old + (new - old));
    }
}
