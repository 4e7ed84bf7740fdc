//! Where signals come from.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::Scalar;

/// The columns of a matrix of signals X (m × P) that may exist nowhere as a matrix: windows of an image, say.
///
/// ```
/// use std::ops::Range;
/// use scn_solvers::ColumnSource;
///
/// /// All windows of a time series.
/// struct Windows<'a> { series: &'a [f64], length: usize }
///
/// impl ColumnSource<f64> for Windows<'_> {
///     fn rows(&self) -> usize { self.length }
///     fn columns(&self) -> usize { self.series.len() + 1 - self.length }
///     fn pack(&self, columns: Range<usize>, out: &mut [f64], stride: usize) {
///         for row in 0..self.length {
///             let values = &self.series[row + columns.start..row + columns.end];
///             out[row * stride..][..columns.len()].copy_from_slice(values);
///         }
///     }
/// }
/// ```
pub trait ColumnSource<T>: Sync {
    /// Length of a signal, m.
    fn rows(&self) -> usize;

    /// Number of signals, P.
    fn columns(&self) -> usize;

    /// Writes columns: entry i of column `columns.start + k` goes to `out[i * stride + k]`. Nothing else is written.
    ///
    /// Callers keep `columns` within `0..self.columns()`, `stride >= columns.len()`, and `out` long enough.
    fn pack(&self, columns: Range<usize>, out: &mut [T], stride: usize);

    /// Writes correlations `D'x` of columns, for a dictionary with atoms of length [`rows`](Self::rows): entry j of column
    /// `columns.start + k` goes to `out[(j, k)]`. On the calling thread alone. `scratch` may hold anything.
    ///
    /// Sources that are a matrix in memory have nothing to pack and do better than this default.
    fn correlate(
        &self,
        dictionary: MatRef<'_, T>,
        columns: Range<usize>,
        out: MatMut<'_, T>,
        scratch: &mut Vec<T>,
    ) where
        T: Scalar,
    {
        let (rows, width) = (self.rows(), columns.len());
        scratch.resize(rows * width, T::ZERO);
        self.pack(columns, scratch, width);
        let signals = MatRef::from_row_major_slice(scratch, rows, width);
        product(dictionary, signals, out);
    }
}

/// Rows whose products are summed before they are added to the sum of the others. A sum of m products in one go is off by
/// about `sqrt(m) ε`, which would be more than the KKT residuals asked for; sums of sums are not. Short signals have fewer
/// parts, but their parts are as large as the whole, so these are shorter.
fn summed_together(rows: usize) -> usize {
    (rows / 4).clamp(32, 128)
}

/// `D'X`
fn product<T: Scalar>(dictionary: MatRef<'_, T>, signals: MatRef<'_, T>, mut out: MatMut<'_, T>) {
    let rows = dictionary.nrows();
    let part = summed_together(rows);
    for first in (0..rows).step_by(part) {
        let count = part.min(rows - first);
        matmul(
            out.as_mut(),
            if first == 0 {
                Accum::Replace
            } else {
                Accum::Add
            },
            dictionary.subrows(first, count).transpose(),
            signals.subrows(first, count),
            T::ONE,
            Par::Seq,
        );
    }
}

impl<T: Scalar> ColumnSource<T> for MatRef<'_, T> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn columns(&self) -> usize {
        self.ncols()
    }

    fn pack(&self, columns: Range<usize>, out: &mut [T], stride: usize) {
        load(self.subcols(columns.start, columns.len()), out, stride);
    }

    fn correlate(
        &self,
        dictionary: MatRef<'_, T>,
        columns: Range<usize>,
        out: MatMut<'_, T>,
        _: &mut Vec<T>,
    ) {
        product(dictionary, self.subcols(columns.start, columns.len()), out);
    }
}

impl<T: Scalar> ColumnSource<T> for Mat<T> {
    fn rows(&self) -> usize {
        self.nrows()
    }

    fn columns(&self) -> usize {
        self.ncols()
    }

    fn pack(&self, columns: Range<usize>, out: &mut [T], stride: usize) {
        self.as_ref().pack(columns, out, stride);
    }

    fn correlate(
        &self,
        dictionary: MatRef<'_, T>,
        columns: Range<usize>,
        out: MatMut<'_, T>,
        scratch: &mut Vec<T>,
    ) {
        self.as_ref().correlate(dictionary, columns, out, scratch);
    }
}

/// Copies a matrix into row-major memory.
pub(crate) fn load<T: Scalar>(matrix: MatRef<'_, T>, out: &mut [T], stride: usize) {
    if let Some(rows) = matrix.try_as_row_major() {
        for (row, out) in rows.row_iter().zip(out.chunks_mut(stride)) {
            out[..row.ncols()].copy_from_slice(row.as_slice());
        }
    } else {
        for (j, column) in matrix.col_iter().enumerate() {
            for (i, &value) in column.iter().enumerate() {
                out[i * stride + j] = value;
            }
        }
    }
}

/// Copies row-major memory into a matrix.
pub(crate) fn store<T: Scalar>(values: &[T], stride: usize, mut matrix: faer::MatMut<'_, T>) {
    let columns = matrix.ncols();
    if let Some(rows) = matrix.as_mut().try_as_row_major_mut() {
        for (row, values) in rows.row_iter_mut().zip(values.chunks(stride)) {
            row.as_slice_mut().copy_from_slice(&values[..columns]);
        }
    } else {
        for (j, column) in matrix.col_iter_mut().enumerate() {
            for (i, value) in column.iter_mut().enumerate() {
                *value = values[i * stride + j];
            }
        }
    }
}
