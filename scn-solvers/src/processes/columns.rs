//! The division of columns among processes.

use std::ops::Range;

use super::SumTree;

/// Returns the columns that process `rank` of `count` takes, out of `columns`.
///
/// They are a run of whole tiles of `tile` columns, where only the last tile of all may be
/// narrower. The runs of all processes are as equal as possible. The columns of a tile are solved
/// together, so each process finds the codes that a single process would find.
///
/// # Example
///
/// ```
/// use scn_solvers::processes::share_columns;
///
/// // Ten columns are two whole tiles and half a tile.
/// assert_eq!([0, 1].map(|rank| share_columns(10, 4, rank, 2)), [0..8, 8..10]);
/// ```
pub fn share_columns(columns: usize, tile: usize, rank: usize, count: usize) -> Range<usize> {
    let tile = tile.max(1);
    let tiles = SumTree::new(columns.div_ceil(tile)).share(rank, count);
    (tiles.start * tile).min(columns)..(tiles.end * tile).min(columns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_column_is_in_one_run_of_whole_tiles(columns in 0usize..1000, tile in 1usize..50, count in 1usize..20) {
            let runs: Vec<_> = (0..count).map(|rank| share_columns(columns, tile, rank, count)).collect();
            prop_assert!(runs.iter().cloned().flatten().eq(0..columns));
            for run in runs {
                prop_assert!(run.start.is_multiple_of(tile) || run.start == columns);
                prop_assert!(run.end.is_multiple_of(tile) || run.end == columns);
            }
        }
    }
}
