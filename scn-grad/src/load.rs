//! Loading of columns into tiles.

use std::ops::Range;

use faer::MatRef;
use scn_solvers::tile::padded;
use scn_solvers::{ColumnSource, Problem, Scalar};

/// Loads columns of a matrix with one row per atom into a tile.
pub(crate) fn load<T: Scalar>(
    problem: &Problem<T>,
    matrix: MatRef<'_, T>,
    columns: Range<usize>,
    tile: &mut Vec<T>,
) {
    tile.resize(padded(problem.atoms()) * T::tile(), T::ZERO);
    // Padding rows and unused columns are zero, whatever the tile contained.
    tile[matrix.nrows() * T::tile()..].fill(T::ZERO);
    if columns.len() < T::tile() {
        tile.fill(T::ZERO);
    }
    matrix.pack(columns, tile, T::tile());
}
