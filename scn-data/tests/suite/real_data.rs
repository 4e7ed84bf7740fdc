//! The real data sets, if they are available:
//! `SCN_DATA=FOLDER cargo test -p scn-data --test suite real_data -- --nocapture`.
//!
//! Tests of missing data sets print that they are skipped.

use std::path::PathBuf;

use crate::common::image_bytes;
use scn_data::{Dataset, DatasetName, ImageSet, Mean, Normalization, NormalizationConfig, Scale};

/// Returns the data set, or prints why there is none.
fn real(name: DatasetName) -> Option<Dataset> {
    let folder = std::env::var_os("SCN_DATA")
        .map(|data| PathBuf::from(data).join(name.folder().unwrap_or_default()));
    match folder {
        Some(folder) if folder.is_dir() => {
            let data = folder.parent().expect("joined above");
            Some(scn_data::open(name, data).expect("a data set that is there is whole"))
        }
        Some(folder) => {
            skip(name, &format!("{} is not there", folder.display()));
            None
        }
        None => {
            skip(name, "SCN_DATA is not set");
            None
        }
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skip(name: DatasetName, reason: &str) {
    eprintln!("skipped: {name}: {reason}");
}

fn counts(images: &ImageSet) -> Vec<usize> {
    let mut counts = vec![0; images.classes()];
    for &label in images.labels() {
        counts[usize::from(label)] += 1;
    }
    counts
}

#[test]
fn mnist_is_the_known_one() {
    let Some(mnist) = real(DatasetName::Mnist) else {
        return;
    };
    assert_eq!(
        counts(&mnist.train),
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    );
    assert_eq!(
        counts(&mnist.test),
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    );
    // The published mean and deviation, of pixels from 0 to 1, to four digits.
    let config = NormalizationConfig::default()
        .with_mean(Mean::Channel)
        .with_scale(Scale::Deviation);
    let normalization = Normalization::fit(&mnist.train, config).expect("images that differ");
    assert_eq!(format!("{:.4}", normalization.mean()[0] / 255.0), "0.1307");
    assert_eq!(
        format!("{:.4}", 1.0 / (255.0 * normalization.scale())),
        "0.3081"
    );
}

#[test]
fn cifar10_is_the_known_one() {
    let Some(cifar) = real(DatasetName::Cifar10) else {
        return;
    };
    assert_eq!(counts(&cifar.train), [5000; 10]);
    assert_eq!(counts(&cifar.test), [1000; 10]);
    assert_eq!(
        cifar.train.class_names()[..3],
        ["airplane", "automobile", "bird"]
    );
    let published = [[0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]];
    assert_eq!(channel_moments(&cifar.train), published);
}

/// Returns the mean and deviation of each channel, of pixels from 0 to 1, to four digits.
fn channel_moments(images: &ImageSet) -> [[f64; 3]; 2] {
    let [_, height, width] = images.shape();
    let area = height * width;
    let moments = [0, 1, 2].map(|channel| {
        let of_image = |image: usize| {
            let pixels = &image_bytes(images, image)[channel * area..][..area];
            pixels.iter().fold([0u64; 2], |[sum, squares], &pixel| {
                let pixel = u64::from(pixel);
                [sum + pixel, squares + pixel * pixel]
            })
        };
        // These are exact, as sums of integers.
        let [sum, squares] = (0..images.len())
            .map(of_image)
            .fold([0; 2], |[a, b], [c, d]| [a + c, b + d]);
        let count = (images.len() * area) as f64;
        let mean = sum as f64 / count;
        let deviation = (squares as f64 / count - mean * mean).sqrt();
        [mean, deviation].map(|value| (1e4 * value / 255.0).round() / 1e4)
    });
    [0, 1].map(|which| moments.map(|of_channel| of_channel[which]))
}

#[test]
fn cifar100_is_the_known_one() {
    let Some(cifar) = real(DatasetName::Cifar100) else {
        return;
    };
    assert_eq!(counts(&cifar.train), [500; 100]);
    assert_eq!(counts(&cifar.test), [100; 100]);
    let published = [[0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]];
    assert_eq!(channel_moments(&cifar.train), published);
}

#[test]
fn svhn_is_the_known_one() {
    let Some(svhn) = real(DatasetName::Svhn) else {
        return;
    };
    assert_eq!(
        counts(&svhn.train),
        [4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659]
    );
    assert_eq!(
        counts(&svhn.test),
        [1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595]
    );
    let published = [[0.4377, 0.4438, 0.4728], [0.1980, 0.2010, 0.1970]];
    assert_eq!(channel_moments(&svhn.train), published);
}

#[test]
fn stl10_is_the_known_one() {
    let Some(stl) = real(DatasetName::Stl10) else {
        return;
    };
    assert_eq!(counts(&stl.train), [500; 10]);
    assert_eq!(counts(&stl.test), [800; 10]);
}
