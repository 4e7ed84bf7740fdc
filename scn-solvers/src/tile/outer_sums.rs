//! Sums of `x y'` over very many columns, tile by tile.

use super::columns::{LARGEST_TILE, tile_columns, tile_columns_mut};
use super::kernels::{
    AddCombinations, AddOuter, AddOuterColumns, FEWEST_ROWS, FromTile, IntoTile, outer_columns,
};
use super::{Operator, Scalar};

/// The rows Y of a tile, turned so that the numbers of one column lie side by side, for [`OuterSums::add`] and
/// [`add_combinations`].
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

    /// The numbers and the width of a group, as kernels take them.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> (&[T], usize) {
        (&self.data, self.width)
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
            T::from_tile(FromTile {
                tile: &tile[first * T::tile()..],
                rows: width.min(rows - first),
                columns: &mut slices[..T::tile()],
            });
        }
    }
}

/// Adds `D y` to columns of their own, at most as many as a tile has, each with one number per row of the dictionary.
///
/// # Panics
/// If Y has another number of rows than the dictionary has atoms, or a column is shorter.
pub fn add_combinations<'a, T: Scalar + 'a>(
    operator: &Operator<T>,
    y: &Grouped<T>,
    columns: impl ExactSizeIterator<Item = &'a mut [T]>,
) {
    assert_eq!(y.rows, operator.atoms(), "rows of Y");
    let count = columns.len().min(T::tile());
    T::add_combinations(AddCombinations {
        rows: operator.row_groups(),
        groups: &y.data,
        width: y.width,
        columns: &mut tile_columns_mut(columns)[..count],
    });
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
        T::add_outer(AddOuter {
            rows: &x[..self.rows * T::tile()],
            groups: &y.data,
            width: y.width,
            sums: &mut self.data,
        });
    }

    /// The same for x that lie one after the other in memory, at most as many as a tile has columns: turned into tile rows a cache
    /// line of each at a time, while the next are on their way.
    ///
    /// # Panics
    /// If one is shorter, or Y has another number of rows than `y` has entries.
    pub fn add_columns<'a>(&mut self, x: impl Iterator<Item = &'a [T]>, y: &Grouped<T>)
    where
        T: 'a,
    {
        assert_eq!(y.rows, self.columns, "rows of Y");
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
    /// If they are of another shape.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        for (sum, &value) in self.data.iter_mut().zip(&other.data) {
            *sum += value;
        }
    }

    /// The sums, row by row: m rows of n numbers.
    pub fn rows(&self) -> impl Iterator<Item = &[T]> {
        let rows = self.data.chunks_exact(self.stride.max(1));
        rows.map(|row| &row[..self.columns]).take(self.rows)
    }
}
