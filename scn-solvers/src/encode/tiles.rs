//! The tiles of a batch, shared by threads as tasks.

use faer::MatMut;
use rayon::prelude::*;

use crate::kkt;
use crate::measure::{ColumnMeasure, measure_loaded};
use crate::problem::Problem;
use crate::report::Report;
use crate::solver::{Solver, Tile};
use crate::source::Correlations;
use crate::start::Start;
use crate::tile::Scalar;
use crate::tile::columns::{load, prefetch_matrix, store};
use crate::times::{EncodeTimes, Stopwatch};
use crate::workspaces::Workspaces;

/// Maximum number of tiles per task: enough to make the overhead of a task negligible.
const TILES_PER_TASK: usize = 8;

/// Minimum number of tasks per thread, if there are enough tiles, so that all threads finish at
/// about the same time.
const TASKS_PER_THREAD: usize = 4;

/// State shared by all tiles of a batch.
pub(super) struct Tiles<'a, T: Scalar> {
    solver: &'a dyn Solver<T>,
    problem: &'a Problem<T>,
    start: Start,
    source: &'a dyn Correlations<T>,
    workspaces: &'a Workspaces<T>,
    /// Number of columns after which a new tile begins.
    part: usize,
}

impl<'a, T: Scalar> Tiles<'a, T> {
    /// Creates tiles that are not split into parts.
    pub(super) fn new(
        solver: &'a dyn Solver<T>,
        problem: &'a Problem<T>,
        start: Start,
        source: &'a dyn Correlations<T>,
        workspaces: &'a Workspaces<T>,
    ) -> Self {
        Self {
            solver,
            problem,
            start,
            source,
            workspaces,
            part: usize::MAX,
        }
    }

    /// Starts a new tile after every `part` columns.
    pub(super) fn in_parts(self, part: usize) -> Self {
        Self { part, ..self }
    }

    pub(super) fn encode(&self, codes: MatMut<'_, T>) -> Report {
        if codes.ncols() == 0 {
            return Report::empty();
        }
        let task_columns = self.columns_of_task(codes.ncols());
        codes
            .par_col_chunks_mut(task_columns)
            .enumerate()
            // Split down to single tasks, so that idle threads can take the last ones.
            .with_max_len(1)
            .map(|(task, codes)| self.encode_task(codes, task * task_columns, &mut []))
            .reduce(Report::empty, Report::merge)
    }

    pub(super) fn encode_measured(&self, codes: MatMut<'_, T>) -> (Report, Vec<ColumnMeasure>) {
        let mut measures = vec![ColumnMeasure::BLANK; codes.ncols()];
        if measures.is_empty() {
            return (Report::empty(), measures);
        }
        let task_columns = self.columns_of_task(codes.ncols());
        let report = codes
            .par_col_chunks_mut(task_columns)
            .zip(measures.par_chunks_mut(task_columns))
            .enumerate()
            .with_max_len(1)
            .map(|(task, (codes, measures))| self.encode_task(codes, task * task_columns, measures))
            .reduce(Report::empty, Report::merge);
        (report, measures)
    }

    /// Solves the tiles of one task in order, on one thread. Measures the codes unless `measures`
    /// is empty.
    fn encode_task(
        &self,
        mut codes: MatMut<'_, T>,
        first_column: usize,
        measures: &mut [ColumnMeasure],
    ) -> Report {
        let &Self {
            solver,
            problem,
            start,
            source,
            workspaces,
            part,
        } = self;
        let part = part.max(1);
        workspaces.with(problem, |worker| {
            let (memory, scratch) = worker.parts(solver, problem.atoms());
            let mut report = Report::empty();
            memory.times = EncodeTimes::default();
            memory.watch = Stopwatch::start(solver.settings().is_timed());
            let mut end = 0;
            while end < codes.ncols() {
                let offset = end;
                let left = (codes.ncols() - offset).min(part - offset % part);
                let columns = T::tile().min(left);
                end += columns;
                let first = first_column + offset;
                let mut codes = codes.as_mut().subcols_mut(offset, columns);
                // The destination is rarely cached; prefetch it while the tile is being solved.
                prefetch_matrix(codes.as_ref());
                memory.wide.forget();
                memory.in_f64 = kkt::needs_f64(problem, solver.settings().tolerance());
                if memory.in_f64 {
                    // Certificates need the correlations in f64 as well, so compute them only once.
                    source.load_both(first..first + columns, memory);
                } else {
                    source.load(first..first + columns, memory);
                }
                memory.watch.lap(&mut memory.times.correlate);
                memory.codes.fill(T::ZERO);
                if start == Start::Codes {
                    load(codes.as_ref(), &mut memory.codes, T::tile());
                    make_feasible(&mut memory.codes, problem.signed());
                }
                let mut tile = Tile {
                    problem,
                    memory: &mut *memory,
                    columns,
                    first_column: first,
                    source,
                };
                report = report.merge(solver.solve(&mut tile, start, &mut *scratch));
                memory.watch.lap(&mut memory.times.solve);
                store(&memory.codes, T::tile(), codes.as_mut());
                memory.watch.lap(&mut memory.times.store);
                if let Some(measures) = measures.get_mut(offset..offset + columns) {
                    measure_loaded(problem, source, first..first + columns, memory, measures);
                    memory.watch.lap(&mut memory.times.measure);
                }
            }
            report.times = memory.times;
            report
        })
    }

    /// Returns the number of columns per task: a multiple of the tile width, or of `part` if tiles
    /// do not divide parts evenly.
    fn columns_of_task(&self, columns: usize) -> usize {
        let tiles = columns.div_ceil(T::tile());
        let tiles_per_task = tiles / (TASKS_PER_THREAD * rayon::current_num_threads());
        let task = tiles_per_task.clamp(1, TILES_PER_TASK) * T::tile();
        let part = self.part.max(1);
        if part.is_multiple_of(T::tile()) || part >= columns {
            return task;
        }
        (task / part).max(1) * part
    }
}

fn make_feasible<T: Scalar>(codes: &mut [T], signed: bool) {
    for code in codes {
        if !code.finite() || (!signed && *code < T::ZERO) {
            *code = T::ZERO;
        }
    }
}
