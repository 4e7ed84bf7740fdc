//! Splitting a set of images in two, class by class, for testing or validation.

use crate::draws::{Draws, Purpose};
use crate::error::{DataError, ImageError};
use crate::images::ImageSet;

/// The purpose of the images that are set apart. Each purpose has its own draws, so a set may be
/// split twice with one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// To evaluate a trained network.
    Test,
    /// To choose between networks, or the epoch of one.
    Validation,
}

/// Sets a fraction of the images apart. Returns the remaining images and those set apart.
///
/// Both are in the order of the whole set. A class of n images gives `share n` of them, rounded to
/// the nearest whole number. It gives at least one and keeps at least one; a class without images
/// gives none. The choice depends only on `seed`, `part`, the label and n.
///
/// # Errors
/// Returns [`ImageError::Share`] unless `share` is between 0 and 1, and
/// [`ImageError::TooFewImages`] if a class has a single image.
///
/// # Example
///
/// ```
/// use scn_data::{ImageSet, Part, split};
///
/// // Eight images of class 0 and two of class 1.
/// let labels = vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
/// let names = ["frequent", "rare"].map(str::to_owned);
/// let images = ImageSet::new((0..10).collect(), [1, 1, 1], labels, names, 255)?;
///
/// let (train, test) = split(&images, 0.25, 7, Part::Test)?;
/// assert_eq!(train.labels(), [0, 0, 0, 0, 0, 0, 1]);
/// assert_eq!(test.labels(), [0, 0, 1]);
/// # Ok::<(), scn_data::DataError>(())
/// ```
pub fn split(
    images: &ImageSet,
    share: f64,
    seed: u64,
    part: Part,
) -> Result<(ImageSet, ImageSet), DataError> {
    if !(share > 0.0 && share < 1.0) {
        return Err(ImageError::Share { found: share }.into());
    }
    let purpose = match part {
        Part::Test => Purpose::Test,
        Part::Validation => Purpose::Validation,
    };
    let mut apart = vec![false; images.len()];
    for (label, members) in images.by_class().iter().enumerate() {
        match members.len() {
            0 => continue,
            1 => {
                let class = images.class_names()[label].clone();
                return Err(ImageError::TooFewImages { class, images: 1 }.into());
            }
            count => {
                let taken = (share * count as f64).round() as usize;
                let mut draws = Draws::new(seed, 0, purpose, label as u64);
                let order = draws.permutation(count).into_iter();
                for place in order.take(taken.clamp(1, count - 1)) {
                    apart[members[place]] = true;
                }
            }
        }
    }
    let places = |wanted: bool| -> Vec<usize> {
        let all = apart.iter().enumerate();
        all.filter(|&(_, &set)| set == wanted)
            .map(|(place, _)| place)
            .collect()
    };
    Ok((images.select(&places(false)), images.select(&places(true))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The pixel of image i is i, to identify images.
    fn set(labels: &[u16]) -> ImageSet {
        let pixels = (0..labels.len() as u8).collect();
        let names: Vec<String> = (0..5).map(|name| name.to_string()).collect();
        ImageSet::new(pixels, [1, 1, 1], labels.to_vec(), names, 255).expect("consistent")
    }

    fn count(images: &ImageSet, label: u16) -> usize {
        let labels = images.labels().iter();
        labels.filter(|&&other| other == label).count()
    }

    #[test]
    fn a_single_image_and_a_share_of_all_are_refused() {
        let images = set(&[0, 0, 3]);
        let error = split(&images, 0.5, 1, Part::Test).expect_err("a class of one");
        assert_eq!(
            error.to_string(),
            "class \"3\" must have at least two images for a fraction to be set apart, but has 1"
        );
        for share in [0.0, 1.0, -0.1, f64::NAN] {
            let error = split(&images, share, 1, Part::Test).expect_err("no share");
            assert!(matches!(error, DataError::Image(ImageError::Share { .. })));
        }
    }

    #[test]
    fn validation_and_test_are_drawn_apart() {
        let images = set(&[0; 100]);
        let (_, test) = split(&images, 0.2, 1, Part::Test).expect("large enough");
        let (_, validation) = split(&images, 0.2, 1, Part::Validation).expect("large enough");
        let (_, other) = split(&images, 0.2, 2, Part::Test).expect("large enough");
        assert_ne!(test, validation);
        assert_ne!(test, other);
    }

    proptest! {
        #[test]
        fn every_class_gives_its_share_and_no_image_is_lost(
            counts in prop::collection::vec(prop_oneof![Just(0_usize), 2..40_usize], 5),
            share in 0.01..0.99_f64,
            seed in any::<u64>(),
        ) {
            let labels: Vec<u16> =
                (0..5).flat_map(|label: u16| vec![label; counts[usize::from(label)]]).collect();
            let images = set(&labels);
            let (rest, part) = split(&images, share, seed, Part::Validation).expect("large enough");
            for (label, &all) in counts.iter().enumerate() {
                let (kept, given) = (count(&rest, label as u16), count(&part, label as u16));
                prop_assert_eq!(kept + given, all);
                prop_assert!(all == 0 || (kept > 0 && given > 0));
                let exact = share * all as f64;
                prop_assert!((given as f64 - exact).abs() <= 0.5 || given == 1 || kept == 1);
            }
            let mut pixels: Vec<u8> = [&rest, &part]
                .into_iter()
                .flat_map(|half| half.pixels().bytes().expect("bytes").to_vec())
                .collect();
            pixels.sort_unstable();
            prop_assert_eq!(Some(&pixels[..]), images.pixels().bytes());
        }
    }
}
