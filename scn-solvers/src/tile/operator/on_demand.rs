//! Quantities derived from an operator that are computed on first use.

use faer::Mat;

use super::Operator;
use crate::tile::{Panels, Scalar, padded};

/// The length of a row of [`Operator::gram_rows`] is a multiple of this, the number of lanes of the
/// widest register.
const WHOLE: usize = 16;

impl<T: Scalar> Operator<T> {
    /// Returns the rows of `H`, one after the other, each padded with zeros to whole registers.
    pub(crate) fn gram_rows(&self) -> &[T] {
        self.gram_rows.get_or_init(|| {
            let mut rows = vec![T::ZERO; self.atoms() * self.row_length()];
            fill_rows(&self.gram, &mut rows);
            rows
        })
    }

    /// Updates the rows of `H` if they have been requested before.
    pub(super) fn update_gram_rows(&mut self) {
        if let Some(rows) = self.gram_rows.get_mut() {
            fill_rows(&self.gram, rows);
        }
    }

    /// Returns the length of a row of [`gram_rows`](Self::gram_rows).
    pub(crate) fn row_length(&self) -> usize {
        self.atoms().next_multiple_of(WHOLE)
    }

    /// Returns `1 / sqrt(H_jj)`, padded with zeros; 0 for zero atoms.
    pub(crate) fn unit_scaling(&self) -> &[T] {
        &self.unit_diagonal().0
    }

    /// Returns `H_ij / sqrt(H_ii H_jj) - δ_ij` packed, with padded rows and columns; zero for zero
    /// atoms.
    ///
    /// Only derivatives need it.
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

    /// Returns an upper bound on the largest eigenvalue of `H`, the Lipschitz constant of the
    /// gradient.
    ///
    /// It is the computed eigenvalue, rounded up by its relative error bound `8 n ε`. Computed on
    /// the first call, in `O(n³)`.
    pub fn lipschitz(&self) -> T {
        *self.lipschitz.get_or_init(|| {
            let n = self.atoms();
            let trace = self.diagonal.iter().map(|&d| d.to_f64()).sum();
            // If the eigenvalue iteration fails, the trace is still a bound.
            let largest =
                T::extreme_eigenvalues(self.gram.as_ref()).map_or(trace, |(_, largest)| largest);
            let bound = largest * (1.0 + 8.0 * n as f64 * T::EPSILON.to_f64());
            T::from_f64(if bound > 0.0 { bound } else { 1.0 })
        })
    }
}

/// Writes the rows of a symmetric matrix, which equal its columns. Padding is left unchanged.
fn fill_rows<T: Scalar>(gram: &Mat<T>, rows: &mut [T]) {
    let length = rows.len() / gram.ncols();
    for (j, row) in rows.chunks_exact_mut(length).enumerate() {
        row[..gram.nrows()].copy_from_slice(gram.col_as_slice(j));
    }
}
