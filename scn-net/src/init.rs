//! Initial values, from a seed.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::config::DictionaryInit;

/// Standard normal numbers; layer `stream` of a network has a stream of its own, so that one
/// layer's size does not change another's start.
fn normal(count: usize, seed: u64, stream: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    (0..count)
        .map(|_| StandardNormal.sample(&mut random))
        .collect()
}

/// A dictionary m × n, row-major.
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
        DictionaryInit::UnitNorm => {
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

/// Classifier weights N(0,1)/n, classes × n, row-major.
pub(crate) fn classifier(classes: usize, features: usize, seed: u64) -> Vec<f32> {
    let mut weights = normal(classes * features, seed, u64::MAX);
    weights
        .iter_mut()
        .for_each(|weight| *weight /= features as f32);
    weights
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

    #[test]
    fn seeds_and_layers_differ() {
        let first = dictionary(9, 4, DictionaryInit::Paper, 1, 0);
        assert_eq!(first, dictionary(9, 4, DictionaryInit::Paper, 1, 0));
        assert_ne!(first, dictionary(9, 4, DictionaryInit::Paper, 2, 0));
        assert_ne!(first, dictionary(9, 4, DictionaryInit::Paper, 1, 1));
    }
}
