//! The size of tasks.

use scn_solvers::Scalar;

/// Approximate number of tasks of a batch, to keep as many threads busy. Large batches have more.
const MOST_THREADS: usize = 64;

/// Maximum number of columns per task: enough to make the cost of its own sums small.
const MOST_COLUMNS: usize = 768;

/// Returns the number of columns per task: whole tiles, whatever the number of threads.
pub(crate) fn task_columns<T: Scalar>(columns: usize) -> usize {
    let tiles = columns.div_ceil(T::tile()).div_ceil(MOST_THREADS);
    tiles.clamp(1, MOST_COLUMNS / T::tile()) * T::tile()
}
