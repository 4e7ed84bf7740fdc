//! Random problems for tests and benches; behind the feature `testing`.

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::Scalar;

/// A matrix of standard normal numbers, the same for the same seed.
pub fn normal_matrix<T: Scalar>(rows: usize, columns: usize, seed: u64) -> Mat<T> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Mat::from_fn(rows, columns, |_, _| {
        let value: f64 = StandardNormal.sample(&mut random);
        T::from_f64(value)
    })
}

/// Unit-norm atoms with mutual inner products of about `coherence` in [0, 1): a shared direction is mixed into
/// independent normal ones.
pub fn dictionary<T: Scalar>(rows: usize, atoms: usize, coherence: f64, seed: u64) -> Mat<T> {
    let own = normal_matrix::<f64>(rows, atoms, seed);
    let shared = normal_matrix::<f64>(rows, 1, seed ^ 0x5bd1_e995);
    let unit = |column: faer::ColRef<'_, f64>| column.to_owned() / column.norm_l2();
    let shared = unit(shared.col(0));
    let mut dictionary = Mat::zeros(rows, atoms);
    for j in 0..atoms {
        let atom = unit(own.col(j)) * (1.0 - coherence).sqrt() + &shared * coherence.sqrt();
        let norm = atom.norm_l2();
        for i in 0..rows {
            dictionary[(i, j)] = T::from_f64(atom[i] / norm);
        }
    }
    dictionary
}
