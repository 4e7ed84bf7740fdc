//! The update of the atoms, one after the other.

use faer::{Accum, Mat, MatMut, MatRef};

use super::AtomSet;
use crate::tile::{Scalar, multiply};

/// Atoms whose `B - D A` is computed together, by one product. Within a block it is corrected after each atom.
const BLOCK: usize = 32;

/// Memory of the update.
#[derive(Debug, Clone, Default)]
pub(super) struct AtomMemory<T> {
    /// `B - D A` of a block, m × [`BLOCK`].
    descent: Vec<T>,
    /// What an atom was, and its change.
    change: Vec<T>,
}

impl<T: Scalar> AtomMemory<T> {
    /// Takes each atom once to the best of its set that the others allow: the least `1/2 tr(D'D A) - tr(D'B)`.
    ///
    /// An atom that no code has used stays.
    pub(super) fn update(
        &mut self,
        dictionary: &mut Mat<T>,
        codes: MatRef<'_, T>,
        signals: MatRef<'_, T>,
        set: AtomSet,
    ) {
        let (rows, atoms) = dictionary.shape();
        // Below, what is left of the sums after many steps has lost digits.
        let least = T::MIN_POSITIVE / T::EPSILON;
        self.change.resize(rows, T::ZERO);
        for first in (0..atoms).step_by(BLOCK) {
            let width = BLOCK.min(atoms - first);
            self.load(dictionary.as_ref(), codes, signals, first, width);
            for j in 0..width {
                let (atom, curvature) = (first + j, codes[(first + j, first + j)]);
                if !(curvature >= least) {
                    continue;
                }
                let (descent, later) = self.descent[j * rows..].split_at_mut(rows);
                let column = dictionary.col_as_slice_mut(atom);
                for ((descent, old), &now) in descent.iter_mut().zip(&mut self.change).zip(&*column)
                {
                    *old = now;
                    *descent = now + *descent / curvature;
                }
                if !set.take_nearest(descent) {
                    continue;
                }
                for ((change, now), &new) in self.change.iter_mut().zip(column).zip(&*descent) {
                    *change = new - *change;
                    *now = new;
                }
                for (k, later) in later.chunks_exact_mut(rows).enumerate().take(width - j - 1) {
                    let weight = codes[(atom, atom + 1 + k)];
                    if weight != T::ZERO {
                        for (later, &change) in later.iter_mut().zip(&self.change) {
                            *later -= weight * change;
                        }
                    }
                }
            }
        }
    }

    /// `B - D A` of some atoms.
    fn load(
        &mut self,
        dictionary: MatRef<'_, T>,
        codes: MatRef<'_, T>,
        signals: MatRef<'_, T>,
        first: usize,
        width: usize,
    ) {
        let rows = dictionary.nrows();
        self.descent.resize(rows * BLOCK, T::ZERO);
        let descent = &mut self.descent[..rows * width];
        let mut descent = MatMut::from_column_major_slice_mut(descent, rows, width);
        descent.copy_from(signals.subcols(first, width));
        let codes = codes.subcols(first, width);
        multiply(descent, Accum::Add, dictionary, codes, -T::ONE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::AtomNorm;
    use crate::penalty::Sign;
    use crate::synthetic::{dictionary, normal_matrix};

    /// `d_j <- Π(d_j + (b_j - D a_j) / A_jj)` as it is written, in f64.
    fn plain(d: &Mat<f64>, a: &Mat<f64>, b: &Mat<f64>, set: AtomSet) -> Mat<f64> {
        let mut d = d.clone();
        for j in (0..d.ncols()).filter(|&j| a[(j, j)] > 0.0) {
            let product = &d * a.col(j);
            let moved = |i: usize| d[(i, j)] + (b[(i, j)] - product[i]) / a[(j, j)];
            let mut atom: Vec<f64> = (0..d.nrows()).map(moved).collect();
            if set.take_nearest(&mut atom) {
                d.col_as_slice_mut(j).copy_from_slice(&atom);
            }
        }
        d
    }

    fn surrogate(d: &Mat<f64>, a: &Mat<f64>, b: &Mat<f64>) -> f64 {
        let square = d.transpose() * d;
        let sum = |x: &Mat<f64>, y: &Mat<f64>| -> f64 {
            let (x, y) = (x.col_iter(), y.col_iter());
            x.zip(y).map(|(x, y)| x.transpose() * y).sum()
        };
        0.5 * sum(&square, a) - sum(d, b)
    }

    /// One block and less, several, and one atom more; atoms that nobody uses among them.
    #[test]
    fn blocks_follow_the_formula_and_the_surrogate_never_rises() {
        for (rows, atoms) in [(1, 1), (5, 3), (8, BLOCK), (7, 2 * BLOCK + 1)] {
            let codes = normal_matrix::<f64>(atoms, 3 * atoms, 3);
            let codes = Mat::from_fn(atoms, 3 * atoms, |j, k| {
                if j % 7 == 4 {
                    0.0
                } else {
                    codes[(j, k)].max(0.0)
                }
            });
            let a = &codes * codes.transpose();
            let b = normal_matrix::<f64>(rows, 3 * atoms, 4) * codes.transpose();
            for norm in [AtomNorm::Ball, AtomNorm::Sphere] {
                for sign in [Sign::Free, Sign::NonNegative] {
                    let set = AtomSet { sign, norm };
                    let mut found = dictionary::<f64>(rows, atoms, 0.2, 5);
                    for j in 0..atoms {
                        set.take_direction(found.col_as_slice_mut(j));
                    }
                    let mut memory = AtomMemory::default();
                    let start = found.clone();
                    for _ in 0..3 {
                        let expected = plain(&found, &a, &b, set);
                        let before = surrogate(&found, &a, &b);
                        memory.update(&mut found, a.as_ref(), b.as_ref(), set);
                        // Sums of at most 65 products below 200, over A_jj of at least 1, each pass on top of the last atom.
                        let difference = (&found - &expected).norm_max();
                        assert!(
                            difference < 1e-10,
                            "{rows} x {atoms}, {set:?}: {difference}"
                        );
                        let after = surrogate(&found, &a, &b);
                        assert!(after <= before + 1e-12 * before.abs(), "{before} {after}");
                    }
                    for j in (0..atoms).filter(|j| j % 7 == 4) {
                        assert_eq!(found.col(j), start.col(j));
                    }
                }
            }
        }
    }
}
