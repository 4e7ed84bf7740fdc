//! The building blocks for a method of one's own: a matrix packed for tiles of columns, and what is done with it.
//!
//! A *tile* is a row-major block of [`Scalar::tile`] columns: entry (i, k) is at `i * T::tile() + k`. Tiles with one row
//! per atom have their number of rows rounded up to a multiple of [`PANEL`], the extra rows being zero.

mod conjugate_gradients;
mod outer_sums;
mod pace;
mod symmetric_gauss_seidel;

pub use crate::kernel::{Kernel, Lanes};
pub use conjugate_gradients::ConjugateGradients;
pub use outer_sums::{Grouped, OuterSums};
pub use pace::{Outlook, Pace};
pub use symmetric_gauss_seidel::SymmetricGaussSeidel;

use std::time::Instant;

use faer::MatRef;

use crate::kernel::{FromTile, Mask, MaskedResidual, Peak, Product, Sweep, tile_columns_mut};
use crate::{Problem, Scalar};

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

impl<T: Scalar> Panels<T> {
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

/// `out = A Y` for one tile: `y` has one tile row per column of `A`, `out` one per padded row.
///
/// Rows that are missing from a slice too short are left out; nothing is read or written beyond it.
pub fn product<T: Scalar>(matrix: &Panels<T>, y: &[T], out: &mut [T]) {
    T::dispatch(Product { matrix, y, out });
}

/// `D y` for one tile: `y` has one row per padded atom, `out` one per row of the dictionary, rounded up to whole panels.
pub fn dictionary_product<T: Scalar>(problem: &Problem<T>, y: &[T], out: &mut [T]) {
    product(problem.dictionary_panels(), y, out);
}

/// One Gauss-Seidel sweep on `H_LL y = u` for every column of a tile at once: `solution` and `right_side` are tiles with
/// one row per padded atom; `mask` has 1 where the atom belongs to the column's active set L and 0 elsewhere.
/// `solution` must be zero off the mask. `change`, where it is wanted, receives per column `max_j H_jj |change of y_j|`.
///
/// # Panics
/// If a slice is shorter than its tile.
pub fn masked_sweep<T: Scalar>(
    problem: &Problem<T>,
    mask: &[T],
    right_side: &[T],
    solution: &mut [T],
    change: Option<&mut [T]>,
) {
    let rule = Mask {
        mask,
        steps: problem.steps(),
    };
    let (matrix, diagonal) = (problem.sweep_panels(), problem.diagonal());
    match change {
        Some(change) => T::dispatch(Sweep::<_, _, true> {
            matrix,
            diagonal,
            rule,
            right_side,
            codes: solution,
            change,
        }),
        None => T::dispatch(Sweep::<_, _, false> {
            matrix,
            diagonal,
            rule,
            right_side,
            codes: solution,
            change: &mut [],
        }),
    }
}

/// Per column `max over L of |u - H y|`, what remains of `H_LL y = u`, to `largest`; NaN where a number is not finite.
/// `scratch` is a tile row. The other arguments are as for [`masked_sweep`].
///
/// # Panics
/// If a slice is shorter than its tile.
pub fn masked_residual<T: Scalar>(
    problem: &Problem<T>,
    mask: &[T],
    right_side: &[T],
    solution: &[T],
    largest: &mut [T],
    scratch: &mut [T],
) {
    T::dispatch(MaskedResidual {
        gram: problem.gram_panels(),
        mask,
        right_side,
        solution,
        largest,
        poison: scratch,
    });
    for (largest, &poison) in largest.iter_mut().zip(&*scratch) {
        *largest += poison;
    }
}

/// Adds the first `rows` rows of a tile to columns of their own, at most as many as it has: entry (i, k) to entry i of column k.
///
/// # Panics
/// If the tile has fewer rows, or a column is shorter.
pub fn add_to_columns<'a, T: Scalar + 'a>(
    tile: &[T],
    rows: usize,
    columns: impl ExactSizeIterator<Item = &'a mut [T]>,
) {
    let count = columns.len().min(T::tile());
    T::dispatch(FromTile::<T, true> {
        tile,
        rows,
        columns: &mut tile_columns_mut(columns)[..count],
    });
}

/// The most floating point operations per second that one thread of this processor can do in this type, measured over a tenth of a
/// second: multiply-adds on registers, waiting for nothing.
pub fn peak_operations_per_second<T: Scalar>() -> f64 {
    let rate = || {
        let start = Instant::now();
        T::dispatch(Peak { repeats: 1 << 20 }) / start.elapsed().as_secs_f64()
    };
    (0..40).map(|_| rate()).fold(0.0, f64::max)
}
