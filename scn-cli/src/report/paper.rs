//! Results of the paper (arXiv 1701.08349): its tables, and its figures for the network of a
//! preset.

mod tables;

use scn_data::{DataSource, DatasetName};

pub(crate) use self::tables::{Measure, PrintedTable, TABLE_1, TABLE_2, TABLE_3};

/// Figures that the paper gives for one of its networks. A figure that it does not give is None.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Published {
    /// Name of the network in the paper.
    pub(crate) network: &'static str,
    /// Fraction of test images misclassified.
    pub(crate) test_error: Option<f64>,
    /// Number of parameters, as printed.
    pub(crate) parameters: &'static str,
    /// Passes over the training images.
    pub(crate) epochs: u64,
    /// Time to train, in hours.
    pub(crate) hours: Option<f64>,
    /// Training images per second.
    pub(crate) images_per_second: Option<f64>,
    /// Time to classify the test images, in seconds.
    pub(crate) test_seconds: Option<f64>,
    /// Number of these test images.
    pub(crate) test_images: Option<usize>,
}

/// The machine on which the paper measured its times.
pub(crate) const MACHINE: &str = "a server with four Tesla P40 GPUs";

/// Returns the preset with the paper's settings that a preset is, or is a variant of:
/// `cifar10-scn1` for `cifar10-scn1-cosine`.
pub(crate) fn original(preset: &str) -> &str {
    let width = preset.find("-scn").map(|at| at + 4);
    let end = width.and_then(|width| preset[width..].find('-').map(|at| width + at));
    &preset[..end.unwrap_or(preset.len())]
}

/// Returns the paper's result for a preset that has the paper's settings.
pub(crate) fn result(preset: &str) -> Option<Published> {
    let (line, test_error) = tables::find(preset)?;
    let untimed = Published {
        network: line.method,
        test_error,
        parameters: line.parameters,
        epochs: 200,
        hours: None,
        images_per_second: None,
        test_seconds: None,
        test_images: None,
    };
    Some(match preset {
        "cifar10-scn4" => Published {
            hours: Some(26.0),
            images_per_second: Some(107.0),
            test_seconds: Some(9.0),
            test_images: Some(10_000),
            ..untimed
        },
        "stl10-scn4" => Published {
            hours: Some(21.0),
            test_seconds: Some(65.0),
            ..untimed
        },
        "mnist-scn4" => Published {
            epochs: 25,
            hours: Some(3.0),
            test_seconds: Some(7.0),
            ..untimed
        },
        _ => untimed,
    })
}

/// Returns the name of a data set as the paper writes it.
pub(crate) fn dataset(source: &DataSource) -> String {
    let written = match source.name() {
        Some(DatasetName::Mnist) => "MNIST",
        Some(DatasetName::Cifar10) => "CIFAR-10",
        Some(DatasetName::Cifar100) => "CIFAR-100",
        Some(DatasetName::Stl10) => "STL-10",
        _ => return source.to_string(),
    };
    written.to_owned()
}

/// Returns the numbers of training and test images of a data set in the paper.
pub(crate) fn images(source: &DataSource) -> Option<[usize; 2]> {
    match source.name()? {
        DatasetName::Mnist => Some([60_000, 10_000]),
        DatasetName::Cifar10 | DatasetName::Cifar100 => Some([50_000, 10_000]),
        DatasetName::Stl10 => Some([5_000, 8_000]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use scn_net::presets;

    use super::*;

    #[test]
    fn variants_are_known_by_their_names() {
        for (preset, of) in [
            ("cifar10-scn1-cosine", "cifar10-scn1"),
            ("stl10-scn4-expansion-first", "stl10-scn4"),
            ("mnist-scn4", "mnist-scn4"),
            ("digits", "digits"),
            ("", ""),
        ] {
            assert_eq!(original(preset), of);
        }
        for name in presets::names() {
            assert!(presets::get(original(&name)).is_ok(), "{name}");
            assert!(result(&name).is_none() || original(&name) == name);
        }
    }

    #[test]
    fn presets_are_trained_as_long_as_the_paper_says() {
        let mut found = 0;
        for name in presets::names() {
            if let Some(published) = result(&name) {
                assert_eq!(
                    published.epochs,
                    presets::get(&name).unwrap().training.epochs
                );
                found += 1;
            }
        }
        assert_eq!(found, 8);
    }
}
