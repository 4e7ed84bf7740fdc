//! Sources of signals.

use std::ops::Range;

use faer::{Mat, MatRef};

use super::Scalar;
use super::kernels::{CopyRows, FromTile, IntoTile};
use super::prefetch::prefetch_all;

/// The columns of a matrix of signals X (m × P) that need not exist in memory, such as windows of
/// an image.
///
/// # Example
///
/// ```
/// use std::ops::Range;
/// use faer::{Mat, mat};
/// use scn_solvers::{ColumnSource, ElasticNet, Problem, correlate};
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
///
/// // An atom of ones adds up each window.
/// let windows = Windows { series: &[1.0, 2.0, 3.0, 4.0], length: 2 };
/// let problem = Problem::new(mat![[1.0], [1.0]].as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// let mut sums = Mat::zeros(1, 3);
/// correlate(&problem, &windows, sums.as_mut())?;
/// assert_eq!(sums, mat![[3.0, 5.0, 7.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait ColumnSource<T>: Sync {
    /// Returns the length of a signal, m.
    fn rows(&self) -> usize;

    /// Returns the number of signals, P.
    fn columns(&self) -> usize;

    /// Writes a range of columns: entry i of column `columns.start + k` goes to
    /// `out[i * stride + k]`.
    ///
    /// Nothing else is written. Callers ensure that `columns` lies within `0..self.columns()`, that
    /// `stride >= columns.len()`, and that `out` is long enough.
    fn pack(&self, columns: Range<usize>, out: &mut [T], stride: usize);

    /// Returns the matrix of all columns (m × P) if it exists in memory with contiguous columns
    /// (row stride 1).
    ///
    /// Such columns are read in place, without packing.
    fn in_memory(&self) -> Option<MatRef<'_, T>> {
        None
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

    fn in_memory(&self) -> Option<MatRef<'_, T>> {
        self.try_as_col_major().map(|_| *self)
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

    fn in_memory(&self) -> Option<MatRef<'_, T>> {
        Some(self.as_ref())
    }
}

/// The largest number of columns of any tile: that of `f32` with AVX-512.
pub(crate) const LARGEST_TILE: usize = 3 * 64 / 4;

/// Returns the columns of a tile as kernels expect them: the given ones, then empty ones.
pub(crate) fn tile_columns<'a, T>(
    columns: impl Iterator<Item = &'a [T]>,
) -> [&'a [T]; LARGEST_TILE] {
    let mut slices: [&[T]; LARGEST_TILE] = [&[]; LARGEST_TILE];
    for (slice, column) in slices.iter_mut().zip(columns) {
        *slice = column;
    }
    slices
}

/// Same as [`tile_columns`], with mutable columns.
pub(crate) fn tile_columns_mut<'a, T>(
    columns: impl Iterator<Item = &'a mut [T]>,
) -> [&'a mut [T]; LARGEST_TILE] {
    let mut slices: [&mut [T]; LARGEST_TILE] = std::array::from_fn(|_| &mut [] as _);
    for (slice, column) in slices.iter_mut().zip(columns) {
        *slice = column;
    }
    slices
}

/// Copies a matrix into row-major memory.
pub(crate) fn load<T: Scalar>(matrix: MatRef<'_, T>, out: &mut [T], stride: usize) {
    if let Some(rows) = matrix.try_as_row_major() {
        if matrix.ncols() == T::tile() && stride == T::tile() {
            T::copy_rows(CopyRows { rows, tile: out });
            return;
        }
        for (row, out) in rows.row_iter().zip(out.chunks_mut(stride)) {
            out[..row.ncols()].copy_from_slice(row.as_slice());
        }
    } else if let Some(columns) = matrix.try_as_col_major()
        && stride == T::tile()
        && matrix.ncols() <= stride
    {
        let slices = tile_columns(columns.col_iter().map(|column| column.as_slice()));
        T::into_tile(IntoTile {
            columns: &slices[..matrix.ncols()],
            tile: &mut out[..matrix.nrows() * stride],
        });
    } else if let Some(columns) = matrix.try_as_col_major()
        && stride == 1
    {
        for column in columns.col_iter() {
            out[..column.nrows()].copy_from_slice(column.as_slice());
        }
    } else {
        for (j, column) in matrix.col_iter().enumerate() {
            for (i, &value) in column.iter().enumerate() {
                out[i * stride + j] = value;
            }
        }
    }
}

/// Prefetches a matrix that will soon be read or written, if its rows or columns are contiguous.
pub(crate) fn prefetch_matrix<T: Scalar>(matrix: MatRef<'_, T>) {
    if let Some(rows) = matrix.try_as_row_major() {
        rows.row_iter().for_each(|row| prefetch_all(row.as_slice()));
    } else if let Some(columns) = matrix.try_as_col_major() {
        columns
            .col_iter()
            .for_each(|column| prefetch_all(column.as_slice()));
    }
}

/// Prefetches columns of a matrix that will soon be read, if its rows or columns are contiguous.
///
/// This affects only speed.
pub fn expect_columns<T: Scalar>(matrix: MatRef<'_, T>, columns: Range<usize>) {
    let end = columns.end.min(matrix.ncols());
    let first = columns.start.min(end);
    prefetch_matrix(matrix.subcols(first, end - first));
}

/// Copies row-major memory into a matrix.
pub(crate) fn store<T: Scalar>(values: &[T], stride: usize, mut matrix: faer::MatMut<'_, T>) {
    let columns = matrix.ncols();
    if let Some(rows) = matrix.as_mut().try_as_row_major_mut() {
        for (row, values) in rows.row_iter_mut().zip(values.chunks(stride)) {
            row.as_slice_mut().copy_from_slice(&values[..columns]);
        }
    } else if stride == T::tile() && columns <= stride && matrix.row_stride() == 1 {
        let rows = matrix.nrows();
        if let Some(matrix) = matrix.try_as_col_major_mut() {
            let slices = matrix.col_iter_mut().map(|column| column.as_slice_mut());
            T::from_tile(FromTile {
                tile: values,
                rows,
                columns: &mut tile_columns_mut(slices)[..columns],
            });
        }
    } else {
        for (j, column) in matrix.col_iter_mut().enumerate() {
            for (i, value) in column.iter_mut().enumerate() {
                *value = values[i * stride + j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::normal_matrix;

    /// Tests every layout, with full and partial tiles.
    fn packs_what_is_there<T: Scalar>() {
        for columns in [1, T::tile() - 1, T::tile()] {
            let matrix = normal_matrix::<T>(5, columns + 2, 1);
            let turned = matrix.transpose().to_owned();
            for source in [matrix.as_ref(), turned.transpose()] {
                let mut one = vec![T::ZERO; 5];
                source.pack(2..3, &mut one, 1);
                assert!((0..5).all(|i| one[i] == matrix[(i, 2)]));
                let mut tile = vec![T::ZERO; 5 * T::tile()];
                source.pack(1..1 + columns, &mut tile, T::tile());
                for (i, row) in tile.chunks_exact(T::tile()).enumerate() {
                    for (k, &value) in row.iter().enumerate() {
                        let there = k < columns;
                        assert_eq!(value, if there { matrix[(i, k + 1)] } else { T::ZERO });
                    }
                }
            }
        }
    }

    /// Tests every layout, with full and partial tiles.
    fn stores_what_is_there<T: Scalar>() {
        for columns in [1, T::tile() - 1, T::tile()] {
            let values: Vec<T> = (0..5 * T::tile()).map(|i| T::from_f64(i as f64)).collect();
            let (mut by_column, mut by_row) = (Mat::zeros(5, columns), Mat::zeros(columns, 5));
            store(&values, T::tile(), by_column.as_mut());
            store(&values, T::tile(), by_row.as_mut().transpose_mut());
            for i in 0..5 {
                for k in 0..columns {
                    let expected = values[i * T::tile() + k];
                    assert_eq!((by_column[(i, k)], by_row[(k, i)]), (expected, expected));
                }
            }
        }
    }

    #[test]
    fn matrices_pack_what_is_there() {
        packs_what_is_there::<f32>();
        packs_what_is_there::<f64>();
    }

    #[test]
    fn tiles_are_stored_as_they_are() {
        stores_what_is_there::<f32>();
        stores_what_is_there::<f64>();
    }
}
