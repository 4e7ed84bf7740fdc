//! Helpers for the tests of all kernels: random tiles and comparisons.

use approx::abs_diff_eq;

use crate::synthetic::normal_matrix;
use crate::tile::Scalar;

/// Returns a random tile with `rows` rows.
pub(super) fn tile<T: Scalar>(rows: usize, seed: u64) -> Vec<T> {
    let matrix = normal_matrix::<T>(T::tile(), rows, seed);
    matrix
        .col_iter()
        .flat_map(|row| row.iter().copied().collect::<Vec<_>>())
        .collect()
}

/// Returns a tile of NaN, as scratch may contain.
pub(super) fn dirty<T: Scalar>(rows: usize) -> Vec<T> {
    vec![T::from_f64(f64::NAN); rows * T::tile()]
}

/// Returns entry (row, column) of a tile, as `f64`.
pub(super) fn at<T: Scalar>(tile: &[T], row: usize, column: usize) -> f64 {
    tile[row * T::tile() + column].to_f64()
}

/// Same as `assert_abs_diff_eq!`, but names what was compared.
pub(super) fn assert_close(found: f64, expected: f64, bound: f64, what: &str) {
    assert!(
        abs_diff_eq!(found, expected, epsilon = bound),
        "{what}: expected {expected}, found {found}, bound {bound:e}"
    );
}
