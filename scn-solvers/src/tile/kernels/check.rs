//! What the tests of all kernels share: tiles of random numbers, and the comparison.

use approx::abs_diff_eq;

use crate::synthetic::normal_matrix;
use crate::tile::Scalar;

/// A tile with so many rows, row-major.
pub(super) fn tile<T: Scalar>(rows: usize, seed: u64) -> Vec<T> {
    let matrix = normal_matrix::<T>(T::tile(), rows, seed);
    matrix
        .col_iter()
        .flat_map(|row| row.iter().copied().collect::<Vec<_>>())
        .collect()
}

/// A tile row or a whole tile of NaN: what scratch may hold.
pub(super) fn dirty<T: Scalar>(rows: usize) -> Vec<T> {
    vec![T::from_f64(f64::NAN); rows * T::tile()]
}

/// Entry (row, column) of a tile, as f64.
pub(super) fn at<T: Scalar>(tile: &[T], row: usize, column: usize) -> f64 {
    tile[row * T::tile() + column].to_f64()
}

/// As `assert_abs_diff_eq!`, and says what was compared.
pub(super) fn assert_close(found: f64, expected: f64, bound: f64, what: &str) {
    assert!(
        abs_diff_eq!(found, expected, epsilon = bound),
        "{what}: {found} for {expected}, bound {bound:e}"
    );
}
