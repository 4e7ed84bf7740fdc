//! Sums of `x y'` over very many columns, tile by tile.

use faer::MatRef;

use crate::Scalar;
use crate::kernel::{AddOuter, FromTile, outer_columns, tile_columns_mut};

/// The rows Y of a tile, turned so that the numbers of one column lie side by side, for [`OuterSums::add`].
#[derive(Debug, Clone, Default)]
pub struct Grouped<T> {
    data: Vec<T>,
    rows: usize,
    width: usize,
}

impl<T: Scalar> Grouped<T> {
    /// No memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the first `rows` rows of a tile.
    ///
    /// # Panics
    /// If the tile has fewer.
    pub fn load(&mut self, tile: &[T], rows: usize) {
        let (padded, width) = outer_columns::<T>(rows);
        // Places without a row are zero, and stay so while the shape does.
        if (self.rows, self.width) != (rows, width) {
            self.data.clear();
            self.data.resize(padded * T::tile(), T::ZERO);
            (self.rows, self.width) = (rows, width);
        }
        let groups = self.data.chunks_exact_mut(width * T::tile());
        for (group, columns) in groups.enumerate() {
            let first = group * width;
            let mut slices = tile_columns_mut(columns.chunks_exact_mut(width));
            T::dispatch(FromTile::<T, false> {
                tile: &tile[first * T::tile()..],
                rows: width.min(rows - first),
                columns: &mut slices[..T::tile()],
            });
        }
    }
}

/// `sum over columns of x y'`, m × n.
#[derive(Debug, Clone)]
pub struct OuterSums<T> {
    /// Row-major, rows rounded up to whole groups.
    data: Vec<T>,
    rows: usize,
    columns: usize,
    stride: usize,
}

impl<T: Scalar> OuterSums<T> {
    /// Zeros, for x of `rows` entries and y of `columns`.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let (stride, _) = outer_columns::<T>(columns);
        Self {
            data: vec![T::ZERO; rows * stride],
            rows,
            columns,
            stride,
        }
    }

    /// Adds the columns of a tile: X has one tile row for each entry of x.
    ///
    /// # Panics
    /// If X is shorter, or Y has another number of rows than `y` has entries.
    pub fn add(&mut self, x: &[T], y: &Grouped<T>) {
        assert_eq!(y.rows, self.columns, "rows of Y");
        T::dispatch(AddOuter {
            rows: &x[..self.rows * T::tile()],
            groups: &y.data,
            width: y.width,
            sums: &mut self.data,
        });
    }

    /// Adds the sums over other columns.
    ///
    /// # Panics
    /// If they are of another shape.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        for (sum, &value) in self.data.iter_mut().zip(&other.data) {
            *sum += value;
        }
    }

    /// The sums, m × n.
    pub fn matrix(&self) -> MatRef<'_, T> {
        MatRef::from_row_major_slice_with_stride(&self.data, self.rows, self.columns, self.stride)
    }
}
