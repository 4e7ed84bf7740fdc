//! Any number of signals, as tiles × threads.

use faer::{MatMut, MatRef};
use rayon::prelude::*;

use crate::EncodeError;
use crate::kkt;
use crate::measure::{ColumnMeasure, measure_loaded};
use crate::problem::Problem;
use crate::report::Report;
use crate::shapes::{check_correlations, check_signals};
use crate::solver::{Solver, Tile};
use crate::source::{Correlations, FromMatrix, OfSignals};
use crate::start::Start;
use crate::tile::columns::{load, prefetch_matrix, store};
use crate::tile::{ColumnSource, Scalar};
use crate::times::{EncodeTimes, Stopwatch};
use crate::workspaces::Workspaces;

/// Tiles that a thread takes at a time, at most: enough to forget the cost of taking them.
const TILES_PER_TASK: usize = 8;

/// Tasks per thread, at least, where there are tiles enough: so many that threads end together.
const TASKS_PER_THREAD: usize = 4;

/// Writes the codes (n × P) of all signals (m × P).
///
/// The columns are solved in tiles of [`Real::tile`](crate::tile::Real::tile) side by side, spread over the threads of the current `rayon` pool.
/// A tile is multiplied by `D'`, solved and stored in one visit, so memory beyond the codes is some tiles per thread;
/// [`encode_with`] keeps them for the next call.
/// Each column of a tile is iterated until all have converged. The result does not depend on the number of threads.
///
/// Column-major signals are correlated fastest, row-major codes (column stride 1) are stored fastest.
///
/// # Errors
/// Shapes that do not fit the problem. A column that does not converge is no error: see [`Report`].
pub fn encode<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    codes: MatMut<'_, T>,
    start: Start,
) -> Result<Report, EncodeError> {
    encode_with(solver, problem, signals, codes, start, &Workspaces::new())
}

/// As [`encode`], with memory that is kept from call to call: after the first, methods that work on whole tiles allocate
/// nothing (those that solve column by column do: [`ActiveSet`](crate::ActiveSet), [`Lars`](crate::Lars), the last resort
/// of [`Auto`](crate::Auto)).
///
/// # Errors
/// As [`encode`].
pub fn encode_with<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    codes: MatMut<'_, T>,
    start: Start,
    workspaces: &Workspaces<T>,
) -> Result<Report, EncodeError> {
    encode_in_parts(
        solver,
        problem,
        signals,
        codes,
        start,
        workspaces,
        usize::MAX,
    )
}

/// As [`encode_with`], where each run of `part` columns has tiles of its own: its codes have the bits that they have when the run is
/// encoded alone, and processes that share out whole parts find the same codes as one process does. Where a part is no whole number of
/// tiles, its last tile has empty places, which are solved in vain.
///
/// # Errors
/// As [`encode`].
pub fn encode_in_parts<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    codes: MatMut<'_, T>,
    start: Start,
    workspaces: &Workspaces<T>,
    part: usize,
) -> Result<Report, EncodeError> {
    check_signals(problem, signals, codes.shape())?;
    let source = OfSignals::new(problem, signals);
    let tiles = Tiles {
        part,
        ..Tiles::new(solver, problem, start, &source, workspaces)
    };
    Ok(tiles.encode(codes))
}

/// As [`encode_with`], and measures each code when it is solved: the [measures](crate::measure_columns) of all columns, in their
/// order, for the price of `H a` and some sums, as `D'x` is there. Where the solve has computed that in `f64`, these measures have
/// it from there.
///
/// # Errors
/// As [`encode`].
pub fn encode_measured<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    codes: MatMut<'_, T>,
    start: Start,
    workspaces: &Workspaces<T>,
) -> Result<(Report, Vec<ColumnMeasure>), EncodeError> {
    check_signals(problem, signals, codes.shape())?;
    let source = OfSignals::new(problem, signals);
    Ok(Tiles::new(solver, problem, start, &source, workspaces).encode_measured(codes))
}

/// As [`encode_measured`], by correlations `c = D'x` (n × P), as [`encode_correlations`] has them: there are no duality gaps.
///
/// # Errors
/// Shapes that do not fit the problem.
pub fn encode_correlations_measured<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    correlations: MatRef<'_, T>,
    codes: MatMut<'_, T>,
    start: Start,
    workspaces: &Workspaces<T>,
) -> Result<(Report, Vec<ColumnMeasure>), EncodeError> {
    check_correlations(problem, correlations.shape(), codes.shape())?;
    let source = FromMatrix(correlations);
    Ok(Tiles::new(solver, problem, start, &source, workspaces).encode_measured(codes))
}

/// Writes the codes (n × P) that belong to correlations `c = D'x` (n × P): for problems posed by their
/// [Gram matrix](Problem::from_gram), and for those who have `D'x` already. All else is as in [`encode`].
///
/// # Errors
/// Shapes that do not fit the problem.
pub fn encode_correlations<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    correlations: MatRef<'_, T>,
    codes: MatMut<'_, T>,
    start: Start,
) -> Result<Report, EncodeError> {
    check_correlations(problem, correlations.shape(), codes.shape())?;
    Ok(encode_tiles(
        solver,
        problem,
        codes,
        start,
        &FromMatrix(correlations),
        &Workspaces::new(),
    ))
}

/// Writes the correlations `D'x` (n × P) of all signals (m × P), in tiles × threads as [`encode`] does.
///
/// # Errors
/// Shapes that do not fit the problem.
pub fn correlate<T: Scalar>(
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    out: MatMut<'_, T>,
) -> Result<(), EncodeError> {
    check_signals(problem, signals, out.shape())?;
    let source = OfSignals::new(problem, signals);
    let workspaces = Workspaces::new();
    out.par_col_chunks_mut(T::tile())
        .enumerate()
        .for_each(|(tile, out)| {
            let first = tile * T::tile();
            workspaces.with(problem, |worker| {
                let memory = &mut worker.memory;
                source.load(first..first + out.ncols(), memory);
                store(&memory.correlations, T::tile(), out);
            });
        });
    Ok(())
}

pub(crate) fn encode_tiles<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    codes: MatMut<'_, T>,
    start: Start,
    source: &dyn Correlations<T>,
    workspaces: &Workspaces<T>,
) -> Report {
    Tiles::new(solver, problem, start, source, workspaces).encode(codes)
}

/// What the tiles of a batch have in common.
struct Tiles<'a, T: Scalar> {
    solver: &'a dyn Solver<T>,
    problem: &'a Problem<T>,
    start: Start,
    source: &'a dyn Correlations<T>,
    workspaces: &'a Workspaces<T>,
    /// Columns after which a new tile begins.
    part: usize,
}

impl<'a, T: Scalar> Tiles<'a, T> {
    /// Without parts.
    fn new(
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

    fn encode(&self, codes: MatMut<'_, T>) -> Report {
        if codes.ncols() == 0 {
            return Report::empty();
        }
        let task_columns = self.columns_of_task(codes.ncols());
        codes
            .par_col_chunks_mut(task_columns)
            .enumerate()
            // So that what is left at the end can be shared out.
            .with_max_len(1)
            .map(|(task, codes)| self.encode_task(codes, task * task_columns, &mut []))
            .reduce(Report::empty, Report::merge)
    }

    fn encode_measured(&self, codes: MatMut<'_, T>) -> (Report, Vec<ColumnMeasure>) {
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

    /// Solves the tiles of one task in order, by one worker. Measures codes if there are places for that.
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
                // Where they go is seldom in the cache, and by the time that they are solved it will be.
                prefetch_matrix(codes.as_ref());
                memory.wide.forget();
                memory.in_f64 = kkt::needs_f64(problem, solver.settings().tolerance());
                if memory.in_f64 {
                    // Certificates will want them in f64, and once is enough.
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

    /// Columns that a thread takes at a time: a whole number of tiles, and of parts where these are none.
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
