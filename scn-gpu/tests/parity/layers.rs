//! Pooling, classifier and loss, compared with their formulas in f64.

use approx::assert_abs_diff_eq;
use scn_gpu::Labels;
use scn_gpu::layers::loss::softmax_cross_entropy;
use scn_gpu::layers::{classifier, pooling};
use scn_gpu::{ArgumentError, Context, GpuError, Reports, TargetSettings, Targets};

use crate::{Sum, assert_near, device, noise, rounding};

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
    // Existing contents must be overwritten.
    let (mut dweight, mut dbias) = (on(&weight), on(&bias));
    let mut dx = on(&x);
    let gradients = classifier::ClassifierGradients {
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

/// Returns the loss, errors and gradient of logits (classes × images).
fn loss(
    context: &Context,
    logits: &[f32],
    labels: &[u16],
    classes: usize,
) -> (f64, usize, Vec<f32>) {
    part_of_loss(context, logits, labels, classes, labels.len())
}

/// Same as [`loss`], for images that are part of a batch.
fn part_of_loss(
    context: &Context,
    logits: &[f32],
    labels: &[u16],
    classes: usize,
    batch_images: usize,
) -> (f64, usize, Vec<f32>) {
    let mut reports = Reports::new(context, 1).unwrap();
    let mut gradient = context.unspecified(logits.len()).unwrap();
    let labels = Labels::upload(context, labels, classes).unwrap();
    let settings = TargetSettings::new(context).unwrap();
    let pending = softmax_cross_entropy(
        &context.upload(logits).unwrap(),
        Targets::new(labels.view(), &settings),
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
                let found = f64::from(gradient[class * images + image]);
                let epsilon = f64::from(f32::EPSILON) / images as f64;
                assert_abs_diff_eq!(found, expected, epsilon = epsilon);
            }
        }
        assert_abs_diff_eq!(value, expected, epsilon = 1e-12 * expected);
        assert_eq!(errors, expected_errors);
    }
}

/// Loss and gradient of labels that are mixed with those of partners and smoothed.
#[test]
fn soft_labels_have_their_shares_of_the_loss() {
    let Some(context) = device() else { return };
    let (classes, images) = (37, 70);
    let logits: Vec<f32> = noise(classes * images, 8).iter().map(|z| 5.0 * z).collect();
    let label = |image: usize| image * 3 % classes;
    // Some images have a partner of their own class.
    let partner = |image: usize| {
        if image.is_multiple_of(4) {
            label(image)
        } else {
            image * 5 % classes
        }
    };
    let upload = |of: &dyn Fn(usize) -> usize| {
        let labels: Vec<u16> = (0..images).map(|image| of(image) as u16).collect();
        Labels::upload(&context, &labels, classes).unwrap()
    };
    let (labels, partners) = (upload(&label), upload(&partner));
    for (share, smoothing) in [(0.25_f32, 0.0_f32), (0.0, 0.125), (0.25, 0.125)] {
        let mut settings = TargetSettings::new(&context).unwrap();
        settings.set(share, smoothing).unwrap();
        let mut reports = Reports::new(&context, 1).unwrap();
        let mut gradient = context.unspecified(logits.len()).unwrap();
        let pending = softmax_cross_entropy(
            &context.upload(&logits).unwrap(),
            Targets::new(labels.view(), &settings).mixed_with(partners.view()),
            images,
            &mut gradient,
            &mut reports,
        );
        let report = pending.unwrap().read(&reports.download().unwrap());
        let gradient = gradient.download().unwrap();
        let (share, smoothing) = (f64::from(share), f64::from(smoothing));
        let mut loss = 0.0;
        for image in 0..images {
            let column = || (0..classes).map(|k| f64::from(logits[k * images + image]));
            let sum: f64 = column().map(f64::exp).sum();
            for (class, z) in column().enumerate() {
                let is = |of: usize| f64::from(u8::from(class == of));
                let hard = (1.0 - share) * is(label(image)) + share * is(partner(image));
                let target = (1.0 - smoothing) * hard + smoothing / classes as f64;
                loss += target * (sum.ln() - z) / images as f64;
                let expected = (z.exp() / sum - target) / images as f64;
                let found = f64::from(gradient[class * images + image]);
                let epsilon = f64::from(f32::EPSILON) / images as f64;
                assert_abs_diff_eq!(found, expected, epsilon = epsilon);
            }
        }
        assert_abs_diff_eq!(report.loss, loss, epsilon = 1e-12 * loss);
    }
    // Partners with a different number of classes or of images.
    let settings = TargetSettings::new(&context).unwrap();
    let others = [
        Labels::upload(&context, &[0; 70], classes + 1).unwrap(),
        Labels::upload(&context, &[0; 69], classes).unwrap(),
    ];
    for others in &others {
        let refused = softmax_cross_entropy(
            &context.upload(&logits).unwrap(),
            Targets::new(labels.view(), &settings).mixed_with(others.view()),
            images,
            &mut context.unspecified(logits.len()).unwrap(),
            &mut Reports::new(&context, 1).unwrap(),
        );
        assert!(refused.is_err());
    }
}

/// For several devices: the parts of a batch add up, and their gradients are bit-identical.
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
    assert_abs_diff_eq!(sum, value, epsilon = 1e-12 * value);
    assert_eq!(error_sum, errors);
}

#[test]
fn ties_go_to_the_first_class_and_no_number_is_an_error() {
    let Some(context) = device() else { return };
    let (value, errors, _) = loss(&context, &[5.0; 8], &[0, 3], 4);
    assert_abs_diff_eq!(value, 4_f64.ln(), epsilon = 1e-12);
    assert_eq!(errors, 1);
    let (value, errors, _) = loss(&context, &[1e30, -1e30], &[0], 2);
    assert_eq!((value, errors), (0.0, 0));
    let (_, errors, _) = loss(&context, &[0.0, 1.0, f32::NAN, 0.0], &[1, 0], 2);
    assert_eq!(errors, 1);
    // With more classes than lanes, each lane has several.
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
        GpuError::Argument(ArgumentError::Label {
            classes: 3,
            image: 2,
            found: 3
        })
    );
}
