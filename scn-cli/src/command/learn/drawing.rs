//! Atoms in the form in which they are written and drawn.

use std::path::Path;

use anyhow::{Result, bail};
use faer::MatRef;
use scn_solvers::Scalar;

use crate::patch_options::PatchSettings;

/// Returns the height and width of signals as images: those of the patches or, for other signals,
/// of the square that they form in grey or in colour.
pub(super) fn window(
    rows: usize,
    patches: Option<PatchSettings>,
    path: &Path,
) -> Result<[usize; 2]> {
    if let Some(patches) = patches {
        return Ok(patches.size);
    }
    let side =
        |pixels: usize| Some(pixels.isqrt()).filter(|side| side * side == pixels && pixels > 0);
    let coloured = || side(rows / 3).filter(|_| rows.is_multiple_of(3));
    match side(rows).or_else(coloured) {
        Some(side) => Ok([side; 2]),
        None => bail!(
            "{}: expected signals of w x w or 3 x w x w pixels for --atoms-picture, found {rows} entries",
            path.display()
        ),
    }
}

/// Returns the entries row by row.
pub(super) fn row_major<T: Scalar>(matrix: MatRef<'_, T>) -> Vec<T> {
    matrix
        .row_iter()
        .flat_map(|row| row.iter().copied())
        .collect()
}

/// Returns the entries row by row as `f32`, for drawing.
pub(super) fn narrow<T: Scalar>(matrix: MatRef<'_, T>) -> Vec<f32> {
    let entries = row_major(matrix).into_iter();
    entries.map(|entry| entry.to_f64() as f32).collect()
}
