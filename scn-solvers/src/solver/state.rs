//! The tile that is being solved: what a solver reads and changes.

use std::ops::Range;

use crate::kkt;
use crate::memory::TileMemory;
use crate::problem::Problem;
use crate::source::Correlations;
use crate::tile::Scalar;
use crate::tile::kernels::LargestQuotient;

/// A tile that is being solved.
///
/// Codes and correlations are row-major with [`Real::tile`](crate::tile::Real::tile) columns and
/// one row per padded atom. Padding rows are zero and must stay zero.
#[derive(Debug)]
pub struct Tile<'a, T: Scalar> {
    pub(crate) problem: &'a Problem<T>,
    pub(crate) memory: &'a mut TileMemory<T>,
    /// Columns in use. The codes of the others are zero and stay zero.
    pub(crate) columns: usize,
    /// The index of the first column in the batch.
    pub(crate) first_column: usize,
    /// The source of the correlations.
    pub(crate) source: &'a dyn Correlations<T>,
}

/// The numbers that a solver works on; see [`Tile::parts`].
#[derive(Debug)]
#[non_exhaustive]
pub struct TileParts<'t, T> {
    /// `c = D'x`
    pub correlations: &'t [T],
    /// The start when [`Method::begin`](super::Method::begin) is called, and the result after the
    /// last pass.
    pub codes: &'t mut [T],
    /// One entry per column: `max_j |c_j|`, the denominator of the residual; 1 where that is 0.
    pub scale: &'t [T],
}

impl<'a, T: Scalar> Tile<'a, T> {
    /// The problem to solve.
    pub fn problem(&self) -> &'a Problem<T> {
        self.problem
    }

    /// The number of columns in use, from the first. The codes of the others are zero and stay
    /// zero.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The correlations, codes and scales of the tile.
    pub fn parts(&mut self) -> TileParts<'_, T> {
        let memory = &mut *self.memory;
        TileParts {
            correlations: &memory.correlations,
            codes: &mut memory.codes,
            scale: &memory.scale,
        }
    }

    /// Counts further products with `H` in this pass, beyond the first. Each counts as a pass.
    pub fn count_products(&mut self, further: u32) {
        self.memory.extra_passes += further;
    }

    /// The columns of the tile, as a range in the batch.
    pub(crate) fn range(&self) -> Range<usize> {
        self.first_column..self.first_column + self.columns
    }

    /// Loads the correlations in `f64`, without the rounding of `T`, unless they are loaded
    /// already.
    pub(crate) fn widen_correlations(&mut self) {
        if self.memory.wide.correlations.is_empty() {
            self.source.load_in_f64(self.range(), self.memory);
        }
    }

    /// Returns `c = D'x` of one column in `f64`, length n.
    pub(crate) fn wide_correlations(&mut self, column: usize) -> Vec<f64> {
        self.widen_correlations();
        let padded_atoms = self.problem.diagonal().len();
        let wide = &self.memory.wide;
        let mut correlations = wide.column_correlations(padded_atoms, column);
        correlations.truncate(self.problem.atoms());
        correlations
    }

    /// Measures residuals in `f64`, and leaves `c - H a` in `memory.descent`.
    pub(crate) fn measure_in_f64(&mut self) {
        self.widen_correlations();
        kkt::measure_in_f64(self.problem, self.memory);
    }

    /// Returns the code of a column, length n.
    pub(crate) fn code(&self, column: usize) -> Vec<f64> {
        let rows = self.memory.codes.chunks_exact(T::tile());
        let rows = rows.take(self.problem.atoms());
        rows.map(|row| row[column].to_f64()).collect()
    }

    /// Rounds a code of length n and stores it in a column.
    pub(crate) fn set_code(&mut self, column: usize, code: &[f64]) {
        let rows = self.memory.codes.chunks_exact_mut(T::tile());
        for (row, &value) in rows.zip(code) {
            row[column] = T::from_f64(value);
        }
    }

    /// Returns the largest `change / scale`, the estimate of solvers that track how far each column
    /// has moved. Columns that are not finite do not count, and columns that are not in use do not
    /// move.
    pub(crate) fn largest_change(&self, change: &[T]) -> f64 {
        let quotient = LargestQuotient {
            a: change,
            b: &self.memory.scale,
        };
        T::largest_quotient(quotient).to_f64()
    }
}
