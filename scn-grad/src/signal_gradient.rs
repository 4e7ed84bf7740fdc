//! Where `dLoss/dx` goes.

use std::ops::Range;

use faer::MatMut;
use scn_solvers::Scalar;

/// Where `dLoss/dx` goes: the transpose of [`ColumnSource::pack`](scn_solvers::ColumnSource::pack). Overlapping windows add up; a matrix takes each column once.
pub trait SignalGradient<T>: Send {
    /// Prepares, before anything is added to what this holds.
    fn begin(&mut self) {}

    /// Adds columns: entry i of column `columns.start + k` is `gradient[i * stride + k]`.
    fn add(&mut self, columns: Range<usize>, gradient: &[T], stride: usize);

    /// These columns, where they lie in memory one after the other, each in one piece (row stride 1): they are then added to where
    /// they are.
    fn in_memory(&mut self, columns: Range<usize>) -> Option<MatMut<'_, T>> {
        let _ = columns;
        None
    }

    /// The parts before and from a column of the batch on, so that threads can share them. Called with the first column of a task.
    fn split_at(self, column: usize) -> (Self, Self)
    where
        Self: Sized;
}

/// Adds to columns of a matrix; column `offset` of the batch is its column 0.
pub(crate) struct MatrixGradient<'a, T> {
    pub(crate) matrix: MatMut<'a, T>,
    pub(crate) offset: usize,
}

impl<T: Scalar> MatrixGradient<'_, T> {
    fn columns(&mut self, columns: Range<usize>) -> MatMut<'_, T> {
        let first = columns.start - self.offset;
        self.matrix.as_mut().subcols_mut(first, columns.len())
    }
}

impl<T: Scalar> SignalGradient<T> for MatrixGradient<'_, T> {
    fn add(&mut self, columns: Range<usize>, gradient: &[T], stride: usize) {
        let mut matrix = self.columns(columns);
        let rows = matrix.nrows();
        for (i, row) in gradient.chunks(stride).take(rows).enumerate() {
            for (entry, &value) in matrix.as_mut().row_mut(i).iter_mut().zip(row) {
                *entry += value;
            }
        }
    }

    fn in_memory(&mut self, columns: Range<usize>) -> Option<MatMut<'_, T>> {
        let matrix = self.columns(columns);
        matrix.as_ref().try_as_col_major()?;
        Some(matrix)
    }

    fn split_at(self, column: usize) -> (Self, Self) {
        let (matrix, rest) = self.matrix.split_at_col_mut(column - self.offset);
        let (offset, from) = (self.offset, column);
        (
            Self { matrix, offset },
            Self {
                matrix: rest,
                offset: from,
            },
        )
    }
}
