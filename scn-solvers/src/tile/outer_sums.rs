//! Sums of `x y'` over many columns, tile by tile.

use super::columns::{LARGEST_TILE, tile_columns, tile_columns_mut};
use super::kernels::{
    AddCombinations, AddOuter, AddOuterColumns, FEWEST_ROWS, FromTile, IntoTile, outer_columns,
};
use super::{Operator, Scalar};

/// The rows Y of a tile, transposed so that the numbers of a column are adjacent.
///
/// Input of [`OuterSums::add`] and [`add_combinations`].
#[derive(Debug, Clone, Default)]
pub struct Grouped<T> {
    data: Vec<T>,
    rows: usize,
    width: usize,
}

impl<T: Scalar> Grouped<T> {
    /// Creates an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the numbers and the width of a group, as kernels expect them.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> (&[T], usize) {
        (&self.data, self.width)
    }

    /// Loads the first `rows` rows of a tile.
    ///
    /// # Panics
    /// Panics if the tile has fewer rows.
    pub fn load(&mut self, tile: &[T], rows: usize) {
        let (padded, width) = outer_columns::<T>(rows);
        // Entries without a row are zero, and remain so until the shape changes.
        if (self.rows, self.width) != (rows, width) {
            self.data.clear();
            self.data.resize(padded * T::tile(), T::ZERO);
            (self.rows, self.width) = (rows, width);
        }
        let groups = self.data.chunks_exact_mut(width * T::tile());
        for (group, columns) in groups.enumerate() {
            let first = group * width;
            let mut slices = tile_columns_mut(columns.chunks_exact_mut(width));
            T::from_tile(FromTile {
                tile: &tile[first * T::tile()..],
                rows: width.min(rows - first),
                columns: &mut slices[..T::tile()],
            });
        }
    }
}

/// Adds `D y`, for each column y of Y, to the corresponding column of `columns`.
///
/// At most a tile's columns are used. Each has one number per row of the dictionary.
///
/// # Panics
/// Panics if Y does not have one row per atom, or if a column is too short.
pub fn add_combinations<'a, T: Scalar + 'a>(
    operator: &Operator<T>,
    y: &Grouped<T>,
    columns: impl ExactSizeIterator<Item = &'a mut [T]>,
) {
    assert_eq!(y.rows, operator.atoms(), "Y must have one row per atom");
    let count = columns.len().min(T::tile());
    T::add_combinations(AddCombinations {
        rows: operator.row_groups(),
        groups: &y.data,
        width: y.width,
        columns: &mut tile_columns_mut(columns)[..count],
    });
}

/// The sum over columns of `x y'` (m × n).
#[derive(Debug, Clone)]
pub struct OuterSums<T> {
    /// Row-major; the length of a row is rounded up to whole groups.
    data: Vec<T>,
    rows: usize,
    columns: usize,
    stride: usize,
}

impl<T: Scalar> OuterSums<T> {
    /// Creates sums of zero, for x with `rows` entries and y with `columns` entries.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let (stride, _) = outer_columns::<T>(columns);
        Self {
            data: vec![T::ZERO; rows * stride],
            rows,
            columns,
            stride,
        }
    }

    /// Adds the columns of a tile. `x` has one tile row per entry of a column.
    ///
    /// # Panics
    /// Panics if `x` is too short, or if Y does not have one row per column of the sums.
    pub fn add(&mut self, x: &[T], y: &Grouped<T>) {
        assert_eq!(
            y.rows, self.columns,
            "Y must have one row per column of the sums"
        );
        T::add_outer(AddOuter {
            rows: &x[..self.rows * T::tile()],
            groups: &y.data,
            width: y.width,
            sums: &mut self.data,
        });
    }

    /// Same as [`add`](Self::add), for columns x that are stored one after the other, at most as
    /// many as a tile has.
    ///
    /// They are read in place, with prefetching, unless they are so short that copying them to a
    /// tile is faster.
    ///
    /// # Panics
    /// Panics if Y does not have one row per column of the sums. May panic if a column x is too
    /// short.
    pub fn add_columns<'a>(&mut self, x: impl Iterator<Item = &'a [T]>, y: &Grouped<T>)
    where
        T: 'a,
    {
        assert_eq!(
            y.rows, self.columns,
            "Y must have one row per column of the sums"
        );
        let slices = tile_columns(x);
        let count = slices
            .iter()
            .take_while(|column| !column.is_empty())
            .count();
        let columns = &slices[..count];
        if self.rows >= FEWEST_ROWS {
            T::add_outer_columns(AddOuterColumns {
                columns,
                rows: self.rows,
                groups: &y.data,
                width: y.width,
                sums: &mut self.data,
            });
            return;
        }
        let mut tile = [T::ZERO; FEWEST_ROWS * LARGEST_TILE];
        let tile = &mut tile[..self.rows * T::tile()];
        T::into_tile(IntoTile { columns, tile });
        self.add(tile, y);
    }

    /// Adds the sums over other columns.
    ///
    /// # Panics
    /// Panics if the shapes differ.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        for (sum, &value) in self.data.iter_mut().zip(&other.data) {
            *sum += value;
        }
    }

    /// Iterates over the m rows of n sums.
    pub fn rows(&self) -> impl Iterator<Item = &[T]> {
        let rows = self.data.chunks_exact(self.stride.max(1));
        rows.map(|row| &row[..self.columns]).take(self.rows)
    }
}
