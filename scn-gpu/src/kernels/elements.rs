//! Grids of kernels with a thread or a warp for each item.

use crate::error::ArgumentError;
use crate::launch::Grid;

/// Threads of a block.
pub(crate) const BLOCK_THREADS: u32 = 256;

/// Warps of a block.
pub(crate) const BLOCK_WARPS: usize = BLOCK_THREADS as usize / 32;

/// One thread per item.
pub(super) fn thread_per_item(items: usize) -> Result<Option<Grid>, ArgumentError> {
    Grid::covering(items, BLOCK_THREADS as usize, BLOCK_THREADS)
}

/// One warp per item.
pub(super) fn warp_per_item(items: usize) -> Result<Option<Grid>, ArgumentError> {
    Grid::covering(items, BLOCK_WARPS, BLOCK_THREADS)
}
