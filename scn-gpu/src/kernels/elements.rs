//! Grids with a thread or a warp per item.

use crate::error::ArgumentError;
use crate::launch::Grid;

/// Threads per block.
pub(crate) const BLOCK_THREADS: u32 = 256;

/// Warps per block.
pub(crate) const BLOCK_WARPS: usize = BLOCK_THREADS as usize / 32;

/// Returns a grid with one thread per item.
pub(super) fn thread_per_item(items: usize) -> Result<Option<Grid>, ArgumentError> {
    Grid::covering(items, BLOCK_THREADS as usize, BLOCK_THREADS)
}

/// Returns a grid with one warp per item.
pub(super) fn warp_per_item(items: usize) -> Result<Option<Grid>, ArgumentError> {
    Grid::covering(items, BLOCK_WARPS, BLOCK_THREADS)
}
