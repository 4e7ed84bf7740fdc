//! Initial values, drawn from a seed.

use std::collections::BTreeSet;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::config::DictionaryInit;

/// Stream of the images that dictionaries are learned from.
const SAMPLE: u64 = u64::MAX - 1;

/// Stream of the windows that the dictionary of layer 0 is learned from. The streams of other
/// layers follow.
const WINDOWS: u64 = 1 << 32;

/// Returns stream number `stream` of a seed. The dictionary of each layer has the stream of the
/// layer's index, and the classifier has the last stream.
fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    random
}

/// Draws standard normal numbers. Each layer has its own stream, so the size of one layer does not
/// change the initial values of another.
fn normal(count: usize, seed: u64, stream: u64) -> Vec<f32> {
    let mut random = self::stream(seed, stream);
    (0..count)
        .map(|_| StandardNormal.sample(&mut random))
        .collect()
}

/// Draws a dictionary (m × n, row-major). Dictionaries to be learned have random atoms of norm 1
/// until then.
pub(crate) fn dictionary(
    rows: usize,
    atoms: usize,
    init: DictionaryInit,
    seed: u64,
    layer: usize,
) -> Vec<f32> {
    let mut entries = normal(rows * atoms, seed, layer as u64);
    match init {
        DictionaryInit::Paper => entries.iter_mut().for_each(|entry| *entry /= rows as f32),
        DictionaryInit::UnitNorm | DictionaryInit::Learned => {
            for atom in 0..atoms {
                let square: f64 = (0..rows)
                    .map(|row| f64::from(entries[row * atoms + atom]).powi(2))
                    .sum();
                let scale = if square > 0.0 {
                    square.sqrt().recip() as f32
                } else {
                    1.0
                };
                (0..rows).for_each(|row| entries[row * atoms + atom] *= scale);
            }
        }
    }
    entries
}

/// Draws classifier weights N(0,1)/n (classes × n, row-major).
pub(crate) fn classifier(classes: usize, features: usize, seed: u64) -> Vec<f32> {
    let mut weights = normal(classes * features, seed, u64::MAX);
    weights
        .iter_mut()
        .for_each(|weight| *weight /= features as f32);
    weights
}

/// Draws the images that dictionaries are learned from: at most `count` of `images`, in random
/// order.
pub(crate) fn sample_images(images: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut random = stream(seed, SAMPLE);
    let mut sample = chosen(images, count, &mut random);
    // The images may be sorted by class, but a batch should have images of all classes.
    for last in (1..sample.len()).rev() {
        sample.swap(last, below(last + 1, &mut random));
    }
    sample
}

/// Draws the windows that the dictionary of a layer is learned from (at most `count` of `windows`,
/// in ascending order) and a seed for the learning.
pub(crate) fn sample_windows(
    windows: usize,
    count: usize,
    seed: u64,
    layer: usize,
) -> (Vec<usize>, u64) {
    let mut random = stream(seed, WINDOWS + layer as u64);
    let seed = random.next_u64();
    (chosen(windows, count, &mut random), seed)
}

/// Draws `count` different numbers below `bound`, or all of them, in ascending order (Floyd's
/// algorithm: Bentley, "Programming pearls: a sample of brilliance", 1987).
fn chosen(bound: usize, count: usize, random: &mut ChaCha8Rng) -> Vec<usize> {
    let mut chosen = BTreeSet::new();
    for last in bound - count.min(bound)..bound {
        let drawn = below(last + 1, random);
        if !chosen.insert(drawn) {
            chosen.insert(last);
        }
    }
    chosen.into_iter().collect()
}

/// Draws a number below `bound`: the high half of a 64-bit draw times `bound`. The integer
/// algorithms of `rand` may change between versions.
fn below(bound: usize, random: &mut ChaCha8Rng) -> usize {
    ((u128::from(random.next_u64()) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    #[test]
    fn unit_norm_atoms_have_norm_one() {
        let entries = dictionary(7, 3, DictionaryInit::UnitNorm, 1, 0);
        for atom in 0..3 {
            let square: f32 = (0..7).map(|row| entries[row * 3 + atom].powi(2)).sum();
            assert_abs_diff_eq!(square, 1.0, epsilon = 8.0 * f32::EPSILON);
        }
    }

    /// All numbers are equally likely. Drawing 4 of 10 a thousand times draws each number 400
    /// times, with a standard deviation of sqrt(1000 · 0.4 · 0.6) = 15.5. Six deviations are
    /// exceeded once in 10⁸ times.
    #[test]
    fn samples_are_drawn_evenly_and_without_repetition() {
        let mut counts = [0_i32; 10];
        for seed in 0..1000 {
            let images = sample_images(10, 4, seed);
            assert_eq!(images.iter().collect::<BTreeSet<_>>().len(), 4);
            images.iter().for_each(|&image| counts[image] += 1);
        }
        assert!(
            counts.iter().all(|count| (count - 400).abs() < 93),
            "{counts:?}"
        );
        // The order is random: one sample in 24 is sorted, with a standard deviation of 6.3.
        let sorted = (0..1000).filter(|&seed| sample_images(10, 4, seed).is_sorted());
        assert!((42 - sorted.count() as i32).abs() < 38);

        let (windows, seed) = sample_windows(1000, 20, 1, 3);
        assert_eq!((windows.len(), windows.is_sorted()), (20, true));
        assert_eq!(sample_windows(1000, 20, 1, 3), (windows.clone(), seed));
        assert_ne!(sample_windows(1000, 20, 1, 4), (windows.clone(), seed));
        assert_ne!(sample_windows(1000, 20, 2, 3), (windows, seed));
        assert_eq!(sample_windows(3, 20, 1, 0).0, [0, 1, 2]);
        let mut all = sample_images(5, 9, 0);
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn seeds_and_layers_differ() {
        let first = dictionary(9, 4, DictionaryInit::Paper, 1, 0);
        assert_eq!(first, dictionary(9, 4, DictionaryInit::Paper, 1, 0));
        assert_ne!(first, dictionary(9, 4, DictionaryInit::Paper, 2, 0));
        assert_ne!(first, dictionary(9, 4, DictionaryInit::Paper, 1, 1));
    }
}
