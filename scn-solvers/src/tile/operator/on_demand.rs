//! What follows from an operator, but not every use needs: computed when first asked for.

use faer::Mat;

use super::Operator;
use crate::tile::{Panels, Scalar, padded};

/// What the length of a row of [`Operator::gram_rows`] is a multiple of: as many numbers as the widest register has.
const WHOLE: usize = 16;

impl<T: Scalar> Operator<T> {
    /// The rows of `H`, one after the other, each padded with zeros to whole registers.
    pub(crate) fn gram_rows(&self) -> &[T] {
        self.gram_rows.get_or_init(|| {
            let mut rows = vec![T::ZERO; self.atoms() * self.row_length()];
            fill_rows(&self.gram, &mut rows);
            rows
        })
    }

    /// Takes the rows of another `H` into the memory of those that have been asked for.
    pub(super) fn update_gram_rows(&mut self) {
        if let Some(rows) = self.gram_rows.get_mut() {
            fill_rows(&self.gram, rows);
        }
    }

    /// The length of a row of [`gram_rows`](Self::gram_rows).
    pub(crate) fn row_length(&self) -> usize {
        self.atoms().next_multiple_of(WHOLE)
    }

    /// `1 / sqrt(H_jj)`, padded with zeros; 0 for a zero atom.
    pub(crate) fn unit_scaling(&self) -> &[T] {
        &self.unit_diagonal().0
    }

    /// `H_ij / sqrt(H_ii H_jj) - δ_ij` packed, with padded rows and columns; zero for zero atoms. For derivatives alone.
    pub(crate) fn unit_panels(&self) -> &Panels<T> {
        &self.unit_diagonal().1
    }

    fn unit_diagonal(&self) -> &(Vec<T>, Panels<T>) {
        self.unit_diagonal.get_or_init(|| {
            let inverse = self.inverse_diagonal.iter();
            let scaling: Vec<T> = inverse.map(|d| T::from_f64(d.to_f64().sqrt())).collect();
            let mut panels =
                Panels::pack(Mat::zeros(self.atoms(), 0).as_ref(), padded(self.atoms()));
            panels.fill(self.atoms(), |i, j| {
                if i == j {
                    T::ZERO
                } else {
                    scaling[i] * self.gram[(i, j)] * scaling[j]
                }
            });
            (scaling, panels)
        })
    }

    /// An upper bound on the largest eigenvalue of `H`, the Lipschitz constant of the gradient: the eigenvalue as
    /// computed, rounded up by its own error bound `n ε`. Computed at the first call, in `O(n³)`.
    pub fn lipschitz(&self) -> T {
        *self.lipschitz.get_or_init(|| {
            let n = self.atoms();
            let trace = self.diagonal.iter().map(|&d| d.to_f64()).sum();
            // Where the eigenvalue iteration fails, the trace is still a bound.
            let largest =
                T::extreme_eigenvalues(self.gram.as_ref()).map_or(trace, |(_, largest)| largest);
            let bound = largest * (1.0 + 8.0 * n as f64 * T::EPSILON.to_f64());
            T::from_f64(if bound > 0.0 { bound } else { 1.0 })
        })
    }
}

/// Writes the rows of a symmetric matrix, which are its columns; padding stays.
fn fill_rows<T: Scalar>(gram: &Mat<T>, rows: &mut [T]) {
    let length = rows.len() / gram.ncols();
    for (j, row) in rows.chunks_exact_mut(length).enumerate() {
        row[..gram.nrows()].copy_from_slice(gram.col_as_slice(j));
    }
}
