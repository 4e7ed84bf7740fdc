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
pub use outer_sums::{Grouped, OuterSums, add_combinations};
pub use pace::{Outlook, Pace};
pub use symmetric_gauss_seidel::SymmetricGaussSeidel;

use std::ops::Range;
use std::time::Instant;

use faer::MatRef;

use crate::columns::prefetch_matrix;
use crate::kernel::{MaskedResidual, Peak, Product, Restrict, RestrictSystem, Sweep};
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

/// The linear systems `H_LL y = u` of a tile, as [`masked_system`] writes them. The first three are tiles with one row per padded atom, the
/// last two are tile rows.
#[derive(Debug)]
pub struct MaskedSystem<'a, T> {
    /// 1 where the atom belongs to the column's active set L, 0 elsewhere.
    pub mask: &'a mut [T],
    /// u on L, 0 elsewhere.
    pub right_side: &'a mut [T],
    /// The right side of [`masked_sweep`]: u, scaled, on L, and infinity elsewhere.
    pub swept: &'a mut [T],
    /// Atoms of L.
    pub sizes: &'a mut [T],
    /// The largest `|u|` on L; NaN where a number is not finite.
    pub largest: &'a mut [T],
}

/// Restricts u, `right_side`, to the active sets of the codes. Both are tiles with one row per padded atom.
///
/// # Panics
/// If a slice is shorter than its tile.
pub fn masked_system<T: Scalar>(
    problem: &Problem<T>,
    codes: &[T],
    right_side: &[T],
    system: MaskedSystem<'_, T>,
) {
    T::dispatch(RestrictSystem {
        steps: problem.steps(),
        codes,
        right_side,
        system,
    });
}

/// One over-relaxed Gauss-Seidel sweep on `H_LL y = u` for every column of a tile at once, with factor ω in (0, 2).
/// `right_side` is that of [`masked_system`] for sweeps; `solution`, a tile with one row per padded atom, must be zero off the active sets, and
/// everywhere if `from_zero` says so, which saves half of the sweep.
///
/// # Panics
/// If a slice is shorter than its tile.
pub fn masked_sweep<T: Scalar>(
    problem: &Problem<T>,
    relaxation: f64,
    right_side: &[T],
    solution: &mut [T],
    from_zero: bool,
) {
    let lengthening = T::from_f64(relaxation / problem.relaxation());
    T::dispatch(Sweep::<_, _, false> {
        matrix: problem.sweep_panels(),
        diagonal: problem.diagonal(),
        rule: Restrict { lengthening },
        right_side,
        codes: solution,
        from_zero,
        live: None,
        change: &mut [],
    });
}

/// Per column `max over L of |u - H y|`, what remains of `H_LL y = u`, to `largest`; NaN where a number is not finite.
/// `scratch` is a tile row; `mask` has 1 where the atom belongs to the column's active set L and 0 elsewhere; it, u (`right_side`) and
/// `solution`, zero off L, are tiles with one row per padded atom.
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

/// Tells the processor that columns of a matrix will soon be read, if the rows or columns of the matrix lie in one piece. Nothing but speed
/// depends on it.
pub fn expect_columns<T: Scalar>(matrix: MatRef<'_, T>, columns: Range<usize>) {
    let end = columns.end.min(matrix.ncols());
    let first = columns.start.min(end);
    prefetch_matrix(matrix.subcols(first, end - first));
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
