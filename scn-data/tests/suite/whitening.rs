//! Contrast normalisation and whitening: properties of the results, which are the same however they
//! are computed.

use std::path::Path;
use std::sync::Arc;

use approx::{abs_diff_eq, assert_abs_diff_eq};

use crate::common::scattered;
use proptest::prelude::*;
use scn_data::{
    Augmentation, DataError, DatasetName, Draw, ImageSet, Loader, Mean, Normalization,
    NormalizationConfig, NormalizationError, PixelSlice, Scale,
};

const U: f64 = f32::EPSILON as f64 / 2.0;

fn digits() -> ImageSet {
    scn_data::open(DatasetName::Digits, Path::new(""))
        .expect("embedded")
        .train
}

fn fit(images: &ImageSet, contrast: Option<f64>, whitening: Option<f64>) -> Normalization {
    let config = NormalizationConfig::default()
        .with_contrast(contrast)
        .with_whitening(whitening);
    Normalization::fit(images, config).expect("fits")
}

fn applied(normalization: &Normalization, image: PixelSlice<'_>) -> Vec<f32> {
    let mut out = vec![f32::NAN; image.len()];
    normalization.apply(image, &mut out).expect("same shape");
    out
}

/// Returns the mean of x x' (D x D) over all images under `normalization`.
fn covariance(images: &ImageSet, normalization: &Normalization) -> Vec<f64> {
    let values = normalization.mean().len();
    let mut sum = vec![0.0; values * values];
    for image in 0..images.len() {
        let x = applied(normalization, images.image(image));
        for (row, &left) in x.iter().enumerate() {
            for (entry, &right) in sum[row * values..].iter_mut().zip(&x) {
                *entry += f64::from(left) * f64::from(right);
            }
        }
    }
    let count = images.len() as f64;
    sum.iter().map(|entry| entry / count).collect()
}

fn product(left: &[f64], right: &[f64], values: usize) -> Vec<f64> {
    let entry = |at: usize| {
        let (row, column) = (at / values, at % values);
        (0..values)
            .map(|k| left[row * values + k] * right[k * values + column])
            .sum()
    };
    (0..values * values).map(entry).collect()
}

/// Returns the largest sum of magnitudes in a row, which bounds the norm of a symmetric matrix.
fn norm(matrix: &[f64], values: usize) -> f64 {
    let rows = matrix.chunks_exact(values);
    rows.map(|row| row.iter().map(|entry| entry.abs()).sum())
        .fold(0.0, f64::max)
}

fn difference(left: &[f64], right: &[f64]) -> Vec<f64> {
    left.iter().zip(right).map(|(a, b)| a - b).collect()
}

#[test]
fn whitened_digits_have_the_covariance_that_epsilon_leaves() {
    let images = digits();
    let values = 64;
    for (contrast, epsilon) in [(Some(10.0), 0.1), (None, 1.0)] {
        let whitened = fit(&images, contrast, Some(epsilon));
        let matrix = whitened.whitening().expect("asked for");
        for row in 0..values {
            for column in 0..row {
                assert_eq!(matrix[row * values + column], matrix[column * values + row]);
            }
        }
        let w: Vec<f64> = matrix.iter().map(|&entry| f64::from(entry)).collect();
        // W = (C + epsilon)^(-1/2), so W (C + epsilon) W = 1. Entries of W have a relative error of
        // u. So W is off by at most u |W| in any norm, and the product by 2 u |W|^2 |C + epsilon|.
        // Both norms are bounded by row sums, and f64 rounding is far below the third u.
        let mut before =
            Normalization::from_parts([1, 8, 8], whitened.mean().to_vec(), whitened.scale())
                .expect("fitted");
        if let Some(bias) = whitened.contrast() {
            before = before.with_contrast(bias).expect("fitted");
        }
        let c = covariance(&images, &before);
        let mut shifted = c.clone();
        (0..values).for_each(|at| shifted[at * values + at] += epsilon);
        let mut identity = product(&product(&w, &shifted, values), &w, values);
        (0..values).for_each(|at| identity[at * values + at] -= 1.0);
        let bound = 3.0 * U * norm(&w, values).powi(2) * norm(&shifted, values);
        let found = norm(&identity, values);
        assert!(found <= bound, "off by {found}, allowed {bound}");

        // For the images themselves, a sum of 64 products in f32 is off by at most 64 u |W| |z|. So
        // x x', and its mean, is off by twice that times |x|, where |x| <= |W| |z|. All norms are
        // row sums.
        let found = covariance(&images, &whitened);
        let expected = product(&product(&w, &c, values), &w, values);
        let largest = (0..images.len())
            .flat_map(|image| applied(&before, images.image(image)))
            .fold(0.0, |largest: f64, z| largest.max(f64::from(z).abs()));
        let x = norm(&w, values) * largest;
        let bound = 2.0 * 65.0 * U * x * x * values as f64;
        let found = norm(&difference(&found, &expected), values);
        assert!(found <= bound, "off by {found}, allowed {bound}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn contrast_is_one_but_for_the_bias(
        pixels in prop::collection::vec(0u8..=255, 12), bias in 1e-3f64..1e3,
    ) {
        let normalization = Normalization::from_parts([3, 2, 2], vec![0.0; 12], 1.0).expect("valid");
        let normalization = normalization.with_contrast(bias).expect("positive");
        let c: Vec<f64> = applied(&normalization, pixels[..].into()).into_iter().map(f64::from).collect();
        let mean_of = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let p: Vec<f64> = pixels.iter().map(|&pixel| f64::from(pixel)).collect();
        let mean = mean_of(&p);
        let variance = mean_of(&p.iter().map(|value| (value - mean).powi(2)).collect::<Vec<_>>());
        // Each value has a relative error of u, and the root mean square of all is at most 1.
        prop_assert!(abs_diff_eq!(mean_of(&c), 0.0, epsilon = 2.0 * U));
        let square = mean_of(&c.iter().map(|value| value * value).collect::<Vec<_>>());
        let expected = variance / (variance + bias);
        prop_assert!(abs_diff_eq!(square, expected, epsilon = 3.0 * U * expected), "{square} not {expected}");
    }

    /// There are few `scattered` images here, so the covariance has eigenvalues of 0.
    #[test]
    fn fewer_images_than_values_are_whitened(count in 1usize..6, c in 1usize..4, side in 1usize..5, epsilon in 1e-3f64..10.0) {
        let images = scattered(count, [c, side, side]);
        let whitened = fit(&images, Some(10.0), Some(epsilon));
        for image in 0..count {
            prop_assert!(applied(&whitened, images.image(image)).iter().all(|value| value.is_finite()));
        }
    }
}

#[test]
fn an_image_without_contrast_is_zero() {
    let plain = Normalization::from_parts([3, 5, 7], vec![0.0; 105], 1.0).expect("valid");
    let contrast = plain.with_contrast(10.0).expect("positive");
    for pixel in 0..=255 {
        assert!(
            applied(&contrast, [pixel; 105][..].into())
                .iter()
                .all(|&value| value == 0.0)
        );
    }
    let grey = ImageSet::new(vec![7; 8], [1, 2, 2], vec![0; 2], vec!["grey".into()], 255);
    let grey = grey.expect("consistent");
    let whitened = fit(&grey, Some(10.0), Some(0.1));
    assert_eq!(applied(&whitened, grey.image(0)), [0.0; 4]);
    let config = NormalizationConfig::default()
        .with_contrast(10.0)
        .with_scale(Scale::Deviation);
    assert!(matches!(
        Normalization::fit(&grey, config),
        Err(DataError::Normalization(NormalizationError::NoDeviation))
    ));
}

#[test]
fn mean_and_deviation_are_those_after_contrast_normalisation() {
    let images = digits();
    // The bias is defined for pixels up to 255, but those of the digits are at most 16.
    let bias = fit(&images, Some(10.0), None)
        .contrast()
        .expect("asked for");
    let epsilon = 4.0 * f64::EPSILON * bias;
    assert_abs_diff_eq!(bias, 10.0 * 256.0 / 65025.0, epsilon = epsilon);
    for mean in [Mean::None, Mean::Pixel, Mean::Channel] {
        let config = NormalizationConfig::default()
            .with_contrast(10.0)
            .with_mean(mean)
            .with_scale(Scale::Deviation)
            .with_whitening(None);
        let normalization = Normalization::fit(&images, config).expect("digits differ");
        let factor = f64::from(normalization.scale());
        let values: Vec<Vec<f64>> = (0..images.len())
            .map(|image| applied(&normalization, images.image(image)))
            .map(|image| image.into_iter().map(f64::from).collect())
            .collect();
        let count = (values.len() * 64) as f64;
        // c, the mean, their difference and the product are each off by u times at most 8, the
        // largest value that 64 values of variance 1 can contain.
        let tolerance = 4.0 * U * 8.0 * factor;
        let total = values.iter().flatten().sum::<f64>() / count;
        if mean == Mean::Pixel {
            for place in 0..64 {
                let found =
                    values.iter().map(|image| image[place]).sum::<f64>() / values.len() as f64;
                assert!(
                    abs_diff_eq!(found, 0.0, epsilon = tolerance),
                    "mean {found} of place {place}"
                );
            }
        }
        // A contrast-normalised image has mean 0, so with one channel, no mean and the channel mean
        // give the same result.
        assert_abs_diff_eq!(total, 0.0, epsilon = tolerance);
        let variance = values
            .iter()
            .flatten()
            .map(|value| (value - total).powi(2))
            .sum::<f64>()
            / count;
        assert_abs_diff_eq!(variance.sqrt(), 1.0, epsilon = tolerance + U);
    }
}

#[test]
fn whitening_subtracts_the_mean_image_whatever_the_mean() {
    let images = digits();
    let fitted = |mean| {
        let config = NormalizationConfig::default()
            .with_mean(mean)
            .with_whitening(0.1);
        Normalization::fit(&images, config).expect("fits")
    };
    assert_eq!(fitted(Mean::None), fitted(Mean::Pixel));
    assert_eq!(fitted(Mean::Channel), fitted(Mean::Pixel));
}

#[test]
fn a_single_image_is_bit_identical_to_that_of_a_loader() {
    // 100 and 7 images: a whole block and part of one, and only part of one.
    for count in [100, 7] {
        let images = Arc::new(scattered(count, [3, 6, 5]));
        let whitened = Arc::new(fit(&images, Some(10.0), Some(0.1)));
        let loader =
            Loader::in_order(Arc::clone(&images), Arc::clone(&whitened), 32).expect("valid");
        let pixels: Vec<f32> = loader.epoch(0, 0).flat_map(|batch| batch.pixels).collect();
        for (image, found) in pixels.chunks_exact(90).enumerate() {
            assert_eq!(
                found,
                applied(&whitened, images.image(image)),
                "image {image}"
            );
        }
    }
}

/// Flips and shifts move the whitened image, and what they uncover is 0.
#[test]
fn augmentation_comes_after_whitening() {
    let images = Arc::new(scattered(1, [1, 4, 4]));
    let whitened = Arc::new(fit(&scattered(50, [1, 4, 4]), None, Some(1.0)));
    let augmentation = Augmentation::default()
        .with_flip(true)
        .with_shift(2)
        .with_draw(Draw::Image)
        .with_group(0);
    let training = Loader::training(
        Arc::clone(&images),
        Arc::clone(&whitened),
        augmentation,
        1,
        5,
    );
    let training = training.expect("valid");
    let image = applied(&whitened, images.image(0));
    let mut moved = false;
    for epoch in 0..20 {
        let batch = training.epoch(epoch, 0).next().expect("one image");
        assert!(
            batch
                .pixels
                .iter()
                .all(|value| *value == 0.0 || image.contains(value))
        );
        moved |= batch.pixels != image;
    }
    assert!(moved);
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let images = scattered(600, [3, 8, 8]);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads")
            .install(|| fit(&images, Some(10.0), Some(0.1)))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn a_normalisation_can_be_rebuilt_from_its_parts() {
    let fitted = fit(&digits(), Some(10.0), Some(0.1));
    let parts = Normalization::from_parts(fitted.shape(), fitted.mean().to_vec(), fitted.scale());
    let again = parts
        .and_then(|plain| plain.with_contrast(fitted.contrast().expect("asked for")))
        .and_then(|plain| plain.with_whitening(fitted.whitening().expect("asked for").to_vec()));
    assert_eq!(again.expect("fitted"), fitted);
}

#[test]
fn invalid_whitening_is_refused() {
    let fitted = |images: &ImageSet, contrast, whitening| {
        let config = NormalizationConfig::default()
            .with_contrast(contrast)
            .with_whitening(whitening);
        Normalization::fit(images, config)
    };
    let small = scattered(3, [1, 2, 2]);
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            fitted(&small, Some(wrong), None),
            Err(DataError::Normalization(
                NormalizationError::ContrastBias { .. }
            ))
        ));
        assert!(matches!(
            fitted(&small, None, Some(wrong)),
            Err(DataError::Normalization(
                NormalizationError::WhiteningEpsilon { .. }
            ))
        ));
    }
    let one = small.first(1);
    assert!(matches!(
        fitted(&one, None, Some(1e-300)),
        Err(DataError::Normalization(
            NormalizationError::WhiteningValue { .. }
        ))
    ));
    let large = scattered(2, [1, 64, 65]);
    let error = fitted(&large, None, Some(0.1)).expect_err("too large");
    assert_eq!(
        error.to_string(),
        "images must have at most 4096 values to be whitened, but have 4160"
    );

    let plain = || Normalization::from_parts([1, 2, 2], vec![0.0; 4], 1.0).expect("valid");
    assert!(matches!(
        plain().with_contrast(0.0),
        Err(DataError::Normalization(
            NormalizationError::ContrastBias { .. }
        ))
    ));
    assert!(matches!(
        plain().with_whitening(vec![0.0; 15]),
        Err(DataError::Normalization(
            NormalizationError::WhiteningLength {
                values: 4,
                found: 15
            }
        ))
    ));
    assert!(matches!(
        plain().with_whitening(vec![f32::NAN; 16]),
        Err(DataError::Normalization(
            NormalizationError::WhiteningValue { .. }
        ))
    ));
}
