//! How large a task is.

use scn_solvers::Scalar;

/// Tasks of a batch, at least, where there are tiles enough: as many threads find work.
const MOST_THREADS: usize = 64;

/// Columns of a task, at most: each has sums of its own, which should cost little beside the columns.
const MOST_COLUMNS: usize = 768;

/// Columns of a task: whole tiles, and the same whatever the number of threads.
pub(crate) fn task_columns<T: Scalar>(columns: usize) -> usize {
    let tiles = columns.div_ceil(T::tile()).div_ceil(MOST_THREADS);
    tiles.clamp(1, MOST_COLUMNS / T::tile()) * T::tile()
}
