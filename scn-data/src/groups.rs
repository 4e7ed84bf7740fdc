//! The groups of neighbouring images that a batch is divided into.

use std::ops::Range;

/// Divides `images` images into `count` groups of neighbours, as equal as possible.
///
/// Group g, counted from 0, holds the images
///
/// ```text
/// floor(g images / count) .. floor((g + 1) images / count)
/// ```
///
/// With fewer images than groups, each image is a group. Without images, there are no groups.
///
/// ```
/// let groups: Vec<_> = scn_data::groups(80, 4).collect();
/// assert_eq!(groups, [0..20, 20..40, 40..60, 60..80]);
/// ```
pub fn groups(
    images: usize,
    count: usize,
) -> impl ExactSizeIterator<Item = Range<usize>> + DoubleEndedIterator + Clone {
    let count = count.clamp(usize::from(images > 0), images);
    // The product may overflow a usize.
    let edge = move |group: usize| (group as u128 * images as u128 / count as u128) as usize;
    (0..count).map(move |group| edge(group)..edge(group + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn groups_are_all_images_in_order_and_as_equal_as_can_be(images in 0usize..300, count in 0usize..40) {
            let all: Vec<_> = groups(images, count).collect();
            prop_assert_eq!(all.len(), count.max(1).min(images));
            prop_assert!(all.iter().cloned().flatten().eq(0..images));
            let sizes = || all.iter().map(Range::len);
            prop_assert!(sizes().max().unwrap_or(1) - sizes().min().unwrap_or(1) <= 1);
            prop_assert!(sizes().all(|size| size > 0));
        }
    }

    #[test]
    fn no_number_of_images_is_too_large() {
        let last = groups(usize::MAX, 4).next_back();
        assert_eq!(last.map(|last| last.end), Some(usize::MAX));
    }
}
