//! Subsets of a set of images, for runs that cannot afford all of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draws::{Draws, Purpose};
use crate::images::ImageSet;

/// Which images a subset has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Subset {
    /// The first images.
    #[default]
    First,
    /// Images of each class in proportion to its size, drawn at random.
    Stratified,
}

impl Subset {
    /// Returns `count` of the images, or all if there are fewer, in the order of the whole set.
    ///
    /// With `Stratified`, a class with n of N images gets `count n / N` of them, rounded down. The
    /// remaining images go to the classes with the largest remainders, lower labels first. Which
    /// images of a class are chosen depends only on `seed` and the label. A larger selection from a
    /// class contains every smaller one.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::{ImageSet, Subset};
    ///
    /// // Eight images of class 0 and two of class 1.
    /// let labels = vec![0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    /// let names = ["frequent", "rare"].map(str::to_owned);
    /// let images = ImageSet::new((0..10).collect(), [1, 1, 1], labels, names, 255)?;
    ///
    /// assert_eq!(Subset::Stratified.of(&images, 5, 7).labels(), [0, 0, 0, 0, 1]);
    /// assert_eq!(Subset::First.of(&images, 5, 7).labels(), [0, 0, 0, 0, 0]);
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
    pub fn of(self, images: &ImageSet, count: usize, seed: u64) -> ImageSet {
        match self {
            Self::First => images.first(count),
            _ if count >= images.len() => images.clone(),
            Self::Stratified => images.select(&stratified(images, count, seed)),
        }
    }
}

/// Indices of a stratified selection of `count` images, fewer than there are.
fn stratified(images: &ImageSet, count: usize, seed: u64) -> Vec<usize> {
    let classes = images.by_class();
    let mut chosen: Vec<usize> = classes
        .iter()
        .zip(shares(&classes, count))
        .enumerate()
        .flat_map(|(label, (members, share))| {
            let mut draws = Draws::new(seed, 0, Purpose::Subset, label as u64);
            let order = draws.permutation(members.len());
            order.into_iter().take(share).map(|place| members[place])
        })
        .collect();
    chosen.sort_unstable();
    chosen
}

/// Number of images of each class, by the largest remainder method.
fn shares(classes: &[Vec<usize>], count: usize) -> Vec<usize> {
    let total = classes.iter().map(Vec::len).sum::<usize>() as u128;
    // In integers, to avoid rounding.
    let quota = |members: &Vec<usize>| count as u128 * members.len() as u128;
    let mut shares: Vec<usize> = classes
        .iter()
        .map(|members| (quota(members) / total) as usize)
        .collect();
    let left = count - shares.iter().sum::<usize>();
    let mut by_remainder: Vec<usize> = (0..classes.len()).collect();
    by_remainder.sort_by_key(|&label| std::cmp::Reverse(quota(&classes[label]) % total));
    for &label in &by_remainder[..left] {
        shares[label] += 1;
    }
    shares
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

    fn per_class(images: &ImageSet) -> [usize; 5] {
        let mut counts = [0; 5];
        for &label in images.labels() {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    #[test]
    fn what_is_left_over_goes_to_the_largest_remainders() {
        // Quotas of 10 among 12: 5, 2.5, 1.67, 0.83, 0.
        let images = set(&[0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3]);
        let ten = Subset::Stratified.of(&images, 10, 1);
        assert_eq!(per_class(&ten), [5, 2, 2, 1, 0]);
        // 2 images of 4 equal classes, half an image each: the lower labels get them.
        let two = Subset::Stratified.of(&set(&[3, 2, 1, 0]), 2, 1);
        assert_eq!(two.labels(), [1, 0]);
        assert_ne!(ten, Subset::Stratified.of(&images, 10, 2));
    }

    proptest! {
        #[test]
        fn a_stratified_subset_keeps_order_and_shares(
            labels in prop::collection::vec(0u16..5, 1..200),
            part in 0.0..1.2f64,
            seed in any::<u64>(),
        ) {
            let images = set(&labels);
            let count = (part * labels.len() as f64) as usize;
            let subset = Subset::Stratified.of(&images, count, seed);
            prop_assert_eq!(subset.len(), count.min(labels.len()));
            prop_assert!(subset.pixels().values().is_sorted_by(|a, b| a < b));
            for (image, &label) in subset.labels().iter().enumerate() {
                prop_assert_eq!(label, labels[subset.image(image).values().next().expect("one pixel") as usize]);
            }
            for (all, chosen) in per_class(&images).into_iter().zip(per_class(&subset)) {
                let quota = (subset.len() * all) as f64 / labels.len() as f64;
                prop_assert!((chosen as f64 - quota).abs() < 1.0);
            }
            prop_assert_eq!(subset, Subset::Stratified.of(&images, count, seed));
            let first = images.first(count);
            prop_assert_eq!(Subset::First.of(&images, count, seed), first);
        }
    }
}
