//! What the paper (arXiv 1701.08349) reports for a preset.

/// A row of the paper's tables. What it does not say is absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Published {
    /// The network's name there.
    pub(crate) network: &'static str,
    /// Share of test images classified wrongly.
    pub(crate) test_error: Option<f64>,
    /// Parameters in millions.
    pub(crate) parameters: Option<f64>,
    /// Passes over the training images.
    pub(crate) epochs: u64,
    /// Time to train, in hours.
    pub(crate) hours: Option<f64>,
    /// Training images per second.
    pub(crate) images_per_second: Option<f64>,
    /// Time to classify the test images, in seconds.
    pub(crate) test_seconds: Option<f64>,
    /// How many these are.
    pub(crate) test_images: Option<usize>,
}

/// On what the paper measured its times.
pub(crate) const MACHINE: &str = "a server with four Tesla P40 cards";

/// The preset with the paper's settings that a preset is a variant of, or is: `cifar10-scn1` of `cifar10-scn1-cosine`.
pub(crate) fn original(preset: &str) -> &str {
    let width = preset.find("-scn").map(|at| at + 4);
    let end = width.and_then(|width| preset[width..].find('-').map(|at| width + at));
    &preset[..end.unwrap_or(preset.len())]
}

/// The paper's result for a preset with its settings, by its name.
pub(crate) fn result(preset: &str) -> Option<Published> {
    let (dataset, width) = preset.split_once("-scn")?;
    let (network, parameters) = match width {
        "1" => ("SCN-1", 0.17),
        "2" => ("SCN-2", 0.35),
        "4" => ("SCN-4", 0.69),
        _ => return None,
    };
    let unknown = Published {
        network,
        test_error: None,
        parameters: None,
        epochs: 200,
        hours: None,
        images_per_second: None,
        test_seconds: None,
        test_images: None,
    };
    let known = match (dataset, width) {
        ("cifar10" | "cifar100", _) => {
            let percent = match preset {
                "cifar10-scn1" => 8.86,
                "cifar10-scn2" => 7.18,
                "cifar10-scn4" => 5.81,
                "cifar100-scn1" => 25.08,
                "cifar100-scn2" => 22.17,
                _ => 19.93,
            };
            let timed = preset == "cifar10-scn4";
            Published {
                test_error: Some(percent / 100.0),
                parameters: Some(parameters),
                hours: timed.then_some(26.0),
                images_per_second: timed.then_some(107.0),
                test_seconds: timed.then_some(9.0),
                test_images: timed.then_some(10_000),
                ..unknown
            }
        }
        // The paper has the accuracy: 83.11 %.
        ("stl10", "4") => Published {
            test_error: Some(0.1689),
            hours: Some(21.0),
            test_seconds: Some(65.0),
            ..unknown
        },
        ("mnist", "4") => Published {
            test_error: Some(0.0036),
            epochs: 25,
            hours: Some(3.0),
            test_seconds: Some(7.0),
            ..unknown
        },
        _ => return None,
    };
    Some(known)
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
