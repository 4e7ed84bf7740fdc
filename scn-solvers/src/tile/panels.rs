//! Matrices packed for products with tiles.

use faer::MatRef;

use super::Real;

/// Rows of a matrix that are packed side by side.
pub const PANEL: usize = 4;

/// `rows` rounded up to whole panels.
pub const fn padded(rows: usize) -> usize {
    rows.next_multiple_of(PANEL)
}

/// A matrix cut into panels of [`PANEL`] rows, each stored column by column: the order in which the kernels read it.
/// Missing rows of the last panel are zero.
#[derive(Debug, Clone)]
pub struct Panels<T> {
    data: Vec<T>,
    rows: usize,
    columns: usize,
}

impl<T: Real> Panels<T> {
    /// Packs a matrix, with `columns >= matrix.ncols()` columns, the extra ones being zero.
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

    /// Packs another matrix of the same shape into the same memory.
    pub(crate) fn repack(&mut self, matrix: MatRef<'_, T>) {
        debug_assert_eq!(matrix.nrows(), self.rows);
        self.fill(matrix.ncols(), |i, j| matrix[(i, j)]);
    }

    /// Packs the entries (i, j), j in `0..columns`, of another matrix into the same memory.
    pub(crate) fn fill(&mut self, columns: usize, entry: impl Fn(usize, usize) -> T) {
        for j in 0..columns {
            for i in 0..self.rows {
                self.data[(i / PANEL * self.columns + j) * PANEL + i % PANEL] = entry(i, j);
            }
        }
    }

    /// Rows of the matrix, without padding.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix, with padding.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The panels in order, each `columns` groups of [`PANEL`] numbers.
    #[inline(always)]
    pub(crate) fn panels(&self) -> impl ExactSizeIterator<Item = &[T]> + DoubleEndedIterator {
        self.data.chunks_exact((self.columns * PANEL).max(1))
    }
}
