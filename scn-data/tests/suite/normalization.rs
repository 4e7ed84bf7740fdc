//! Normalised training pixels have the mean and the deviation that were asked for.

use std::path::Path;

use approx::{abs_diff_eq, assert_abs_diff_eq};

use crate::common::scattered;
use proptest::prelude::*;
use scn_data::{
    DataError, DatasetName, ImageError, ImageSet, Mean, Normalization, NormalizationConfig,
    NormalizationError, Scale,
};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, MapDeserializer, StrDeserializer};

const MEANS: [Mean; 3] = [Mean::None, Mean::Pixel, Mean::Channel];
const SCALES: [Scale; 3] = [Scale::None, Scale::Range, Scale::Deviation];

/// Returns all images, normalised, as f64.
fn normalized(images: &ImageSet, normalization: &Normalization) -> Vec<f64> {
    let mut out = vec![0.0; normalization.mean().len()];
    (0..images.len())
        .flat_map(|image| {
            normalization
                .apply(images.image(image), &mut out)
                .expect("same shape");
            out.iter()
                .map(|&value| f64::from(value))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Checks the means and the deviation of `images` for every choice of settings.
fn check(images: &ImageSet) {
    let volume: usize = images.shape().iter().product();
    let area = volume / images.shape()[0];
    let half_ulp = f64::from(f32::EPSILON) / 2.0;
    for (mean, scale) in MEANS
        .into_iter()
        .flat_map(|mean| SCALES.map(|scale| (mean, scale)))
    {
        let normalization = Normalization::fit(
            images,
            NormalizationConfig::default()
                .with_mean(mean)
                .with_scale(scale),
        )
        .expect("images that differ");
        let factor = f64::from(normalization.scale());
        let values = normalized(images, &normalization);
        // Let u be half an ulp of 1, b the brightest pixel and s the scale. The f32 mean, the
        // difference and the product each add an error of u b, so every value, and hence every mean
        // of values, is off by at most 3 u b s. Factors of (1 + u) and the f64 sums add far less
        // than a fourth u.
        let tolerance = 4.0 * half_ulp * f64::from(images.brightest()) * factor;
        let mean_of = |places: std::ops::Range<usize>| {
            let (mut sum, mut count) = (0.0, 0.0);
            for image in values.chunks_exact(volume) {
                sum += image[places.clone()].iter().sum::<f64>();
                count += places.len() as f64;
            }
            sum / count
        };
        match mean {
            Mean::None => assert!(normalization.mean().iter().all(|&value| value == 0.0)),
            Mean::Pixel => (0..volume).for_each(|place| {
                let found = mean_of(place..place + 1);
                assert!(
                    abs_diff_eq!(found, 0.0, epsilon = tolerance),
                    "mean {found} of place {place} beyond {tolerance}"
                );
            }),
            Mean::Channel => (0..volume).step_by(area).for_each(|plane| {
                let found = mean_of(plane..plane + area);
                assert!(
                    abs_diff_eq!(found, 0.0, epsilon = tolerance),
                    "mean {found} of plane {plane} beyond {tolerance}"
                );
            }),
            other => panic!("no definition of {other:?} here"),
        }
        match scale {
            Scale::None => assert_eq!(factor, 1.0),
            Scale::Range => assert_eq!(normalization.scale(), 1.0 / images.brightest()),
            Scale::Deviation => {
                let mean = mean_of(0..volume);
                let variance = values
                    .iter()
                    .map(|value| (value - mean).powi(2))
                    .sum::<f64>()
                    / values.len() as f64;
                // Errors of at most t in the values change a root mean square by at most t
                // (triangle inequality). The factor itself has a relative error of u.
                let allowed = tolerance + half_ulp;
                assert_abs_diff_eq!(variance.sqrt(), 1.0, epsilon = allowed);
            }
            other => panic!("no definition of {other:?} here"),
        }
    }
}

#[test]
fn the_digits_are_centred_and_scaled() {
    check(
        &scn_data::open(DatasetName::Digits, Path::new(""))
            .expect("embedded")
            .train,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_images_are_centred_and_scaled(count in 2usize..20, c in 1usize..4, h in 1usize..7, w in 1usize..7) {
        check(&scattered(count, [c, h, w]));
    }
}

#[test]
fn a_mean_image_worked_out_by_hand() {
    // Two images of two channels with 1 x 2 pixels.
    let names = vec!["only".to_owned()];
    let images = ImageSet::new(
        vec![0, 4, 10, 30, 2, 6, 20, 20],
        [2, 1, 2],
        vec![0, 0],
        names,
        50,
    )
    .expect("consistent");
    let fit = |mean, scale| {
        Normalization::fit(
            &images,
            NormalizationConfig::default()
                .with_mean(mean)
                .with_scale(scale),
        )
        .expect("fits")
    };
    assert_eq!(fit(Mean::Pixel, Scale::None).mean(), [1.0, 5.0, 15.0, 25.0]);
    assert_eq!(
        fit(Mean::Channel, Scale::None).mean(),
        [3.0, 3.0, 20.0, 20.0]
    );
    assert_eq!(fit(Mean::None, Scale::Range).scale(), 0.02);
    // Differences from the mean image: +-1, +-1, +-5, +-5; mean square 13.
    assert_eq!(
        fit(Mean::Pixel, Scale::Deviation).scale(),
        (1.0 / 13f64.sqrt()) as f32
    );
    // Differences from the channel means: 3 1 10 10 1 3 0 0; mean square 220 / 8.
    assert_eq!(
        fit(Mean::Channel, Scale::Deviation).scale(),
        (1.0 / 27.5f64.sqrt()) as f32
    );
}

#[test]
fn invalid_fits_and_parts_are_errors() {
    let config = |mean| {
        NormalizationConfig::default()
            .with_mean(mean)
            .with_scale(Scale::Deviation)
    };
    let images = scattered(3, [1, 2, 2]);
    assert!(matches!(
        Normalization::fit(&images.first(0), config(Mean::None)),
        Err(DataError::Image(ImageError::NoImages))
    ));
    // A single image equals its mean image, and a uniform one its channel mean.
    assert!(matches!(
        Normalization::fit(&images.first(1), config(Mean::Pixel)),
        Err(DataError::Normalization(NormalizationError::NoDeviation))
    ));
    let grey = ImageSet::new(
        vec![201; 12],
        [1, 2, 2],
        vec![0; 3],
        vec!["grey".to_owned()],
        255,
    )
    .expect("consistent");
    for mean in MEANS {
        assert!(matches!(
            Normalization::fit(&grey, config(mean)),
            Err(DataError::Normalization(NormalizationError::NoDeviation))
        ));
    }

    let parts = |mean: Vec<f32>, scale| Normalization::from_parts([1, 2, 2], mean, scale);
    assert!(matches!(
        parts(vec![0.0; 3], 1.0),
        Err(DataError::Normalization(NormalizationError::MeanLength {
            expected: 4,
            found: 3
        }))
    ));
    assert!(matches!(
        parts(vec![f32::NAN; 4], 1.0),
        Err(DataError::Normalization(
            NormalizationError::MeanValue { .. }
        ))
    ));
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(matches!(
            parts(vec![0.0; 4], scale),
            Err(DataError::Normalization(
                NormalizationError::ScaleValue { .. }
            ))
        ));
    }
    assert!(matches!(
        Normalization::from_parts([0, 2, 2], vec![], 1.0),
        Err(DataError::Image(ImageError::Shape { .. }))
    ));

    let fitted = Normalization::fit(&images, config(Mean::Pixel)).expect("fits");
    let again = Normalization::from_parts(fitted.shape(), fitted.mean().to_vec(), fitted.scale())
        .expect("fitted");
    assert_eq!(again, fitted);
    assert!(matches!(
        fitted.apply(&[0_u8; 3][..], &mut [0.0; 4]),
        Err(DataError::Normalization(NormalizationError::ImageLength {
            found: 3,
            ..
        }))
    ));
    assert!(matches!(
        fitted.apply(&[0_u8; 4][..], &mut [0.0; 5]),
        Err(DataError::Normalization(NormalizationError::ImageLength {
            found: 5,
            ..
        }))
    ));
}

#[test]
fn settings_are_written_in_kebab_case_and_unknown_ones_refused() {
    let config = |entries: &[(&'static str, &'static str)]| {
        let map: MapDeserializer<'_, _, Error> = MapDeserializer::new(entries.iter().copied());
        NormalizationConfig::deserialize(map)
    };
    assert_eq!(
        config(&[]),
        Ok(NormalizationConfig::default()
            .with_mean(Mean::Channel)
            .with_scale(Scale::None)
            .with_contrast(None)
            .with_whitening(None))
    );
    assert_eq!(
        config(&[("mean", "pixel"), ("scale", "deviation")]),
        Ok(NormalizationConfig::default()
            .with_mean(Mean::Pixel)
            .with_scale(Scale::Deviation)
            .with_contrast(None)
            .with_whitening(None))
    );
    assert!(config(&[("means", "pixel")]).is_err());
    let range: StrDeserializer<'_, Error> = "range".into_deserializer();
    assert_eq!(Scale::deserialize(range), Ok(Scale::Range));
}

/// Compares the same pixels as bytes and as floating-point numbers. Bytes are summed exactly. Sums
/// of N numbers up to b in f64 are off by at most N roundings, far less than a rounding to f32, and
/// both results are kept in f32. They may thus differ by one f32 rounding of a value up to b.
#[test]
fn floating_point_numbers_are_normalised_as_bytes_are() {
    let bytes = scattered(50, [2, 4, 5]);
    let values = bytes.pixels().values().collect();
    let labels = bytes.labels().to_vec();
    let floats = ImageSet::from_floats(
        values,
        bytes.shape(),
        labels,
        bytes.class_names(),
        bytes.brightest(),
    )
    .expect("finite");
    let contrasts = [None, Some(10.0)];
    for (mean, scale) in MEANS
        .into_iter()
        .flat_map(|mean| SCALES.map(|scale| (mean, scale)))
    {
        for contrast in contrasts {
            let config = NormalizationConfig::default()
                .with_mean(mean)
                .with_scale(scale)
                .with_contrast(contrast);
            let fit = |images| Normalization::fit(images, config).expect("fits");
            let (exact, summed) = (fit(&bytes), fit(&floats));
            let relative = f64::from(f32::EPSILON);
            let largest = normalized(&bytes, &exact)
                .into_iter()
                .fold(f64::from(bytes.brightest()), |most, value| {
                    most.max(value.abs())
                });
            let pairs = normalized(&bytes, &exact).into_iter();
            for (one, other) in pairs.zip(normalized(&floats, &summed)) {
                // One rounding each for the mean, the difference and the scale.
                assert_abs_diff_eq!(one, other, epsilon = 3.0 * relative * largest);
            }
        }
    }
}
