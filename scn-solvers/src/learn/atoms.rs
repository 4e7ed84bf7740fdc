//! The update of the atoms, one after the other.

use faer::{Accum, Mat, MatMut, MatRef};

use super::AtomSet;
use crate::tile::{Scalar, multiply};

/// Atoms whose `B - D A` is computed by one product. Within a block it is corrected after each
/// atom.
const BLOCK: usize = 32;

/// The memory of the update.
#[derive(Debug, Clone, Default)]
pub(super) struct AtomMemory<T> {
    /// `B - D A` of a block, m × [`BLOCK`].
    descent: Vec<T>,
    /// The old atom, then its change.
    change: Vec<T>,
}

impl<T: Scalar> AtomMemory<T> {
    /// Moves each atom once to the point of its set that minimises `1/2 tr(D'D A) - tr(D'B)` with
    /// the other atoms fixed. Atoms that no code has used stay unchanged.
    pub(super) fn update(
        &mut self,
        dictionary: &mut Mat<T>,
        codes: MatRef<'_, T>,
        signals: MatRef<'_, T>,
        set: AtomSet,
    ) {
        let (rows, atoms) = dictionary.shape();
        // Smaller sums have lost digits in their decay over many steps.
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

    /// Computes `B - D A` for a block of atoms.
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

    /// The update by the formula `d_j <- Π(d_j + (b_j - D a_j) / A_jj)`, atom by atom in f64.
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

    /// At most one block, and two blocks plus one atom, with some atoms that no code uses.
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
                        // Sums of at most 65 products below 200, divided by A_jj of at least 1.
                        // Each atom adds to the error of those before it.
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
