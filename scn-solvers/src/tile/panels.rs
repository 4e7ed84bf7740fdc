//! Matrices packed for products with tiles.

use faer::MatRef;

use super::Real;

/// Number of matrix rows that are packed side by side.
pub const PANEL: usize = 4;

/// Returns `rows` rounded up to whole panels.
///
/// # Example
///
/// ```
/// use scn_solvers::tile::{PANEL, padded};
///
/// assert_eq!(padded(PANEL), PANEL);
/// assert_eq!(padded(PANEL + 1), 2 * PANEL);
/// ```
pub const fn padded(rows: usize) -> usize {
    rows.next_multiple_of(PANEL)
}

/// A matrix split into panels of [`PANEL`] rows, each stored column by column.
///
/// This is the order in which the kernels read it. Missing rows of the last panel are zero.
#[derive(Debug, Clone)]
pub struct Panels<T> {
    data: Vec<T>,
    rows: usize,
    columns: usize,
}

impl<T: Real> Panels<T> {
    /// Packs a matrix into `columns >= matrix.ncols()` columns; the extra columns are zero.
    pub(crate) fn pack(matrix: MatRef<'_, T>, columns: usize) -> Self {
        let rows = matrix.nrows();
        let mut packed = Self {
            data: vec![T::ZERO; padded(rows) * columns],
            rows,
            columns,
        };
        packed.repack(matrix);
        packed
    }

    /// Packs a different matrix of the same shape into the same memory.
    pub(crate) fn repack(&mut self, matrix: MatRef<'_, T>) {
        debug_assert_eq!(matrix.nrows(), self.rows);
        self.fill(matrix.ncols(), |i, j| matrix[(i, j)]);
    }

    /// Packs the values `entry(i, j)`, with j in `0..columns`, into the same memory.
    pub(crate) fn fill(&mut self, columns: usize, entry: impl Fn(usize, usize) -> T) {
        for j in 0..columns {
            for i in 0..self.rows {
                self.data[(i / PANEL * self.columns + j) * PANEL + i % PANEL] = entry(i, j);
            }
        }
    }

    /// Returns the number of rows of the matrix, without padding.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns of the matrix, with padding.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Iterates over the panels, each of `columns` groups of [`PANEL`] numbers.
    #[inline(always)]
    pub(crate) fn panels(&self) -> impl ExactSizeIterator<Item = &[T]> + DoubleEndedIterator {
        self.data.chunks_exact((self.columns * PANEL).max(1))
    }
}
