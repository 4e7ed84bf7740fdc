//! The layers between codes and loss, against their formulas in f64.

use scn_gpu::layers::batch_norm::Groups;
use scn_gpu::layers::loss::{Labels, softmax_cross_entropy};
use scn_gpu::layers::{batch_norm, classifier, pooling};
use scn_gpu::{Context, GpuError, Reports};

use crate::{Sum, assert_near, device, noise, rounding};

const EPSILON: f32 = 1e-5;

/// Channels of different mean and spread, one of them constant.
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

/// Mean and variance in f64.
fn moments(values: &[f32]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
    (mean, squares.sum::<f64>() / count)
}

/// Whole batches and groups, of which the last may have fewer images; runs of one part and of several.
#[test]
fn batch_normalisation_forwards_and_backwards() {
    let Some(context) = device() else { return };
    for (images, plane, group) in [
        (1, 1, 1),
        (1, 31, 1),
        (7, 43, 7),
        (7, 43, 3),
        (6, 701, 4),
        (3, 700, 1),
    ] {
        let groups = Groups {
            images,
            plane,
            group,
        };
        batch_normalisation_of(&context, groups);
    }
}

fn batch_normalisation_of(context: &Context, groups: Groups) {
    /// Of other normalisations, between the rows of this one's moments.
    const FOREIGN: usize = 3;
    let (count, positions) = (5, groups.images * groups.plane);
    let stride = 2 * count + FOREIGN;
    let x = channels(count, positions);
    let dy = noise(x.len(), 9);
    let device_x = context.upload(&x).unwrap();
    let mut moments = context.zeros::<f32>(groups.count() * stride).unwrap();
    let mut y = context.unspecified(x.len()).unwrap();
    let all = moments.view_mut();
    batch_norm::forward(&device_x, groups, EPSILON, all, stride, &mut y).unwrap();
    let mut dx = context.unspecified(x.len()).unwrap();
    let device_dy = context.upload(&dy).unwrap();
    let all = moments.view();
    batch_norm::backward(&y, groups, EPSILON, all, stride, &device_dy, &mut dx).unwrap();

    let moments = moments.download().unwrap();
    let (y, dx) = (y.download().unwrap(), dx.download().unwrap());
    for (group, moments) in moments.chunks(stride).enumerate() {
        let last = groups.images.min((group + 1) * groups.group);
        let run = group * groups.group * groups.plane..last * groups.plane;
        for channel in 0..count {
            let range = channel * positions + run.start..channel * positions + run.end;
            check_run(
                [moments[channel], moments[count + channel]],
                &x[range.clone()],
                &y[range.clone()],
                &dy[range.clone()],
                &dx[range],
            );
        }
        assert!(moments[2 * count..].iter().all(|&foreign| foreign == 0.0));
    }
}

/// A channel of a group against its formulas in f64.
fn check_run([mean, variance]: [f32; 2], x: &[f32], y: &[f32], dy: &[f32], dx: &[f32]) {
    let (expected_mean, expected_variance) = self::moments(x);
    // Rounded once from f64.
    let mean_error = (f64::from(mean) - expected_mean).abs();
    assert!(mean_error <= f64::from(f32::EPSILON) * expected_mean.abs());
    let variance_error = (f64::from(variance) - expected_variance).abs();
    assert!(variance_error <= 1e-6 * expected_variance + 1e-12);

    // With the moments that the device has: what is rounded is the difference to the mean, and the factor.
    let inverse = 1.0 / (f64::from(variance) + f64::from(EPSILON)).sqrt();
    let normalized = |&value: &f32| {
        let value = (f64::from(value) - f64::from(mean)) * inverse;
        Sum {
            value,
            magnitude: value.abs(),
        }
    };
    let expected: Vec<Sum> = x.iter().map(normalized).collect();
    assert_near(y, &expected, 8.0 * f64::from(f32::EPSILON));

    let average = |terms: &mut dyn Iterator<Item = f64>| terms.sum::<f64>() / x.len() as f64;
    let mean_dy = average(&mut dy.iter().map(|&dy| f64::from(dy)));
    let products = y
        .iter()
        .zip(dy)
        .map(|(&y, &dy)| f64::from(y) * f64::from(dy));
    let projection = average(&mut products.into_iter());
    let gradient = |(&y, &dy): (&f32, &f32)| {
        let mut sum = Sum::default();
        sum.add(f64::from(dy) * inverse);
        sum.add(-mean_dy * inverse);
        sum.add(-f64::from(y) * projection * inverse);
        sum
    };
    let expected: Vec<Sum> = y.iter().zip(dy).map(gradient).collect();
    assert_near(dx, &expected, 8.0 * f64::from(f32::EPSILON));
}

#[test]
fn given_moments_normalise() {
    let Some(context) = device() else { return };
    let (count, positions) = (3, 1100);
    let x = noise(count * positions, 3);
    let (mean, variance) = (noise(count, 4), [0.5, 0.0, 2.0]);
    let mut y = context.unspecified(x.len()).unwrap();
    let (device_mean, device_variance) = (
        context.upload(&mean).unwrap(),
        context.upload(&variance).unwrap(),
    );
    let device_x = context.upload(&x).unwrap();
    let (mean_view, variance_view) = (device_mean.view(), device_variance.view());
    batch_norm::normalize(&device_x, mean_view, variance_view, EPSILON, &mut y).unwrap();
    let expected: Vec<Sum> = (0..x.len())
        .map(|k| {
            let channel = k / positions;
            let deviation = (f64::from(variance[channel]) + f64::from(EPSILON)).sqrt();
            let value = (f64::from(x[k]) - f64::from(mean[channel])) / deviation;
            Sum {
                value,
                magnitude: value.abs(),
            }
        })
        .collect();
    assert_near(
        &y.download().unwrap(),
        &expected,
        8.0 * f64::from(f32::EPSILON),
    );
}

/// Several groups, one of which has no weight and holds what is no number.
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

    // One whole batch: its moments as they are.
    let mut running = context.upload(&old).unwrap();
    let whole = context.upload(&groups[0]).unwrap();
    let one = context.upload(&[1.0]).unwrap();
    batch_norm::blend(whole.view(), one.view(), 1.0, &mut running).unwrap();
    for ((found, old), new) in running.download().unwrap().iter().zip(&old).zip(&groups[0]) {
        assert_eq!(*found, old + (new - old));
    }
}

#[test]
fn pooling_averages_planes_and_spreads_their_gradients() {
    let Some(context) = device() else { return };
    for plane in [1, 30, 63] {
        let planes = 11;
        let x = noise(planes * plane, 4);
        let mut y = context.unspecified(planes).unwrap();
        pooling::average(&context.upload(&x).unwrap(), &mut y).unwrap();
        let expected: Vec<Sum> = x
            .chunks_exact(plane)
            .map(|pixels| {
                let mut sum = Sum::default();
                pixels
                    .iter()
                    .for_each(|&x| sum.add(f64::from(x) / plane as f64));
                sum
            })
            .collect();
        assert_near(&y.download().unwrap(), &expected, rounding(plane));

        let mut dx = context.unspecified(x.len()).unwrap();
        pooling::average_backward(&y, &mut dx).unwrap();
        let y = y.download().unwrap();
        for (k, dx) in dx.download().unwrap().into_iter().enumerate() {
            assert_eq!(dx, y[k / plane] / plane as f32);
        }
    }
}

#[test]
fn the_classifier_and_its_adjoint() {
    let Some(context) = device() else { return };
    for sizes in [(10, 37, 13), (2, 5, 3), (3, 300, 70)] {
        classifier_with(&context, sizes);
    }
}

fn classifier_with(context: &Context, (classes, features, images): (usize, usize, usize)) {
    let (weight, bias) = (noise(classes * features, 1), noise(classes, 2));
    let (x, dlogits) = (noise(features * images, 3), noise(classes * images, 4));
    let on = |values: &[f32]| context.upload(values).unwrap();
    let zeros = |len| context.zeros(len).unwrap();
    let (device_weight, device_x, device_dlogits) = (on(&weight), on(&x), on(&dlogits));
    let mut logits = zeros(classes * images);
    let device_bias = on(&bias);
    let (weights, biases) = (device_weight.view(), device_bias.view());
    classifier::forward(weights, biases, &device_x, &mut logits).unwrap();
    // What is there is replaced.
    let (mut dweight, mut dbias) = (on(&weight), on(&bias));
    let mut dx = on(&x);
    let gradients = classifier::Gradients {
        weight: dweight.view_mut(),
        bias: dbias.view_mut(),
    };
    classifier::backward(weights, &device_x, &device_dlogits, gradients, &mut dx).unwrap();

    let sums = |count: usize, terms: &dyn Fn(usize) -> Vec<f64>| -> Vec<Sum> {
        (0..count)
            .map(|k| {
                let mut sum = Sum::default();
                terms(k).into_iter().for_each(|term| sum.add(term));
                sum
            })
            .collect()
    };
    let product = |a: f32, b: f32| f64::from(a) * f64::from(b);
    let expected = sums(classes * images, &|k| {
        let (class, image) = (k / images, k % images);
        let term = |j: usize| product(weight[class * features + j], x[j * images + image]);
        (0..features)
            .map(term)
            .chain([f64::from(bias[class])])
            .collect()
    });
    assert_near(&logits.download().unwrap(), &expected, rounding(features));
    let expected = sums(classes * features, &|k| {
        let (class, j) = (k / features, k % features);
        let term = |i: usize| product(dlogits[class * images + i], x[j * images + i]);
        (0..images).map(term).collect()
    });
    assert_near(&dweight.download().unwrap(), &expected, rounding(images));
    let expected = sums(classes, &|class| {
        let term = |i: usize| f64::from(dlogits[class * images + i]);
        (0..images).map(term).collect()
    });
    assert_near(&dbias.download().unwrap(), &expected, rounding(images));
    let expected = sums(features * images, &|k| {
        let (j, image) = (k / images, k % images);
        let term = |class: usize| {
            product(
                weight[class * features + j],
                dlogits[class * images + image],
            )
        };
        (0..classes).map(term).collect()
    });
    assert_near(&dx.download().unwrap(), &expected, rounding(classes));
}

/// Loss, errors and gradient of logits, classes × images.
fn loss(
    context: &Context,
    logits: &[f32],
    labels: &[u16],
    classes: usize,
) -> (f64, usize, Vec<f32>) {
    part_of_loss(context, logits, labels, classes, labels.len())
}

/// What images have in the loss of a batch.
fn part_of_loss(
    context: &Context,
    logits: &[f32],
    labels: &[u16],
    classes: usize,
    batch_images: usize,
) -> (f64, usize, Vec<f32>) {
    let mut reports = Reports::new(context, 1).unwrap();
    let mut gradient = context.unspecified(logits.len()).unwrap();
    let pending = softmax_cross_entropy(
        &context.upload(logits).unwrap(),
        Labels::upload(context, labels, classes).unwrap().view(),
        batch_images,
        &mut gradient,
        &mut reports,
    )
    .unwrap();
    let report = pending.read(&reports.download().unwrap());
    (report.loss, report.errors, gradient.download().unwrap())
}

#[test]
fn the_loss_and_its_gradient() {
    let Some(context) = device() else { return };
    for (images, classes) in [(1, 7), (5, 7), (300, 7), (40, 100)] {
        let logits: Vec<f32> = noise(classes * images, 6).iter().map(|z| 5.0 * z).collect();
        let labels: Vec<u16> = (0..images).map(|i| (i * 3 % classes) as u16).collect();
        let (value, errors, gradient) = loss(&context, &logits, &labels, classes);
        let (mut expected, mut expected_errors) = (0.0, 0);
        for (image, &label) in labels.iter().enumerate() {
            let column = || (0..classes).map(|k| f64::from(logits[k * images + image]));
            let sum: f64 = column().map(f64::exp).sum();
            let largest = column().fold(f64::NEG_INFINITY, f64::max);
            let own = f64::from(logits[usize::from(label) * images + image]);
            expected += (sum.ln() - own) / images as f64;
            expected_errors += usize::from(own < largest);
            for (class, z) in column().enumerate() {
                let target = f64::from(u8::from(class == usize::from(label)));
                let expected = (z.exp() / sum - target) / images as f64;
                let error = (f64::from(gradient[class * images + image]) - expected).abs();
                assert!(error <= f64::from(f32::EPSILON) / images as f64);
            }
        }
        assert!(
            (value - expected).abs() <= 1e-12 * expected,
            "{value} {expected}"
        );
        assert_eq!(errors, expected_errors);
    }
}

/// For several devices: the parts of a batch add up, gradients to the bit.
#[test]
fn parts_of_a_batch_add_up_to_its_loss() {
    let Some(context) = device() else { return };
    let (classes, images, first) = (4, 9, 5);
    let logits = noise(classes * images, 7);
    let labels: Vec<u16> = (0..images).map(|i| (i % classes) as u16).collect();
    let (value, errors, gradient) = loss(&context, &logits, &labels, classes);
    let (mut sum, mut error_sum) = (0.0, 0);
    for part in [0..first, first..images] {
        let columns = |all: &[f32]| -> Vec<f32> {
            let rows = all.chunks_exact(images);
            rows.flat_map(|row| row[part.clone()].to_vec()).collect()
        };
        let own = &labels[part.clone()];
        let (value, errors, found) =
            part_of_loss(&context, &columns(&logits), own, classes, images);
        sum += value;
        error_sum += errors;
        assert_eq!(found, columns(&gradient));
    }
    assert!((sum - value).abs() <= 1e-12 * value);
    assert_eq!(error_sum, errors);
}

#[test]
fn ties_go_to_the_first_class_and_no_number_is_an_error() {
    let Some(context) = device() else { return };
    let (value, errors, _) = loss(&context, &[5.0; 8], &[0, 3], 4);
    assert!((value - 4_f64.ln()).abs() < 1e-12);
    assert_eq!(errors, 1);
    let (value, errors, _) = loss(&context, &[1e30, -1e30], &[0], 2);
    assert_eq!((value, errors), (0.0, 0));
    let (_, errors, _) = loss(&context, &[0.0, 1.0, f32::NAN, 0.0], &[1, 0], 2);
    assert_eq!(errors, 1);
    // More classes than lanes: the largest of each lane is one of several.
    let mut logits = vec![1.0; 70];
    (logits[33], logits[65]) = (2.0, 2.0);
    let (_, errors, _) = loss(&context, &logits, &[33], 70);
    assert_eq!(errors, 0);
    let (_, errors, _) = loss(&context, &logits, &[65], 70);
    assert_eq!(errors, 1);
}

#[test]
fn labels_that_are_no_class_are_refused() {
    let Some(context) = device() else { return };
    assert_eq!(
        Labels::upload(&context, &[1, 2, 3], 3).unwrap_err(),
        GpuError::Label {
            classes: 3,
            image: 2,
            found: 3
        }
    );
}
