//! Any number of signals, as tiles × threads.

use faer::{MatMut, MatRef};
use rayon::prelude::*;

use crate::columns::{load, prefetch_matrix, store};
use crate::solver::{Tile, solve_tile};
use crate::source::{Correlations, Given, OfSignals};
use crate::{
    ColumnSource, EncodeError, EncodeTimes, Problem, Report, Scalar, Solver, Stopwatch, Workspace,
    kkt,
};

/// Tiles that a thread takes at a time, at most: enough to forget the cost of taking them.
const TILES_PER_TASK: usize = 8;

/// Tasks per thread, at least, where there are tiles enough: so many that threads end together.
const TASKS_PER_THREAD: usize = 4;

/// Where a solve starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Start {
    /// At zero; what the codes hold is ignored.
    #[default]
    Zero,
    /// At what the codes hold. Negative entries count as zero where codes must be nonnegative, and so do those that are
    /// not finite.
    Codes,
}

/// Writes the codes (n × P) of all signals (m × P).
///
/// The columns are solved in tiles of [`Scalar::tile`] side by side, spread over the threads of the current `rayon` pool.
/// A tile is multiplied by `D'`, solved and stored in one visit, so memory beyond the codes is some tiles per thread. The problem
/// keeps them for the next call: after the first, methods that work on whole tiles allocate nothing (those that solve
/// column by column do: [`ActiveSet`](crate::ActiveSet), [`Lars`](crate::Lars), the last resort of [`Auto`](crate::Auto)).
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
    EncodeError::check(problem, signals, codes.shape())?;
    let source = OfSignals {
        problem,
        signals,
        known: None,
    };
    Ok(encode_tiles(solver, problem, codes, start, &source))
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
    EncodeError::check_correlations(problem, correlations.shape(), codes.shape())?;
    Ok(encode_tiles(
        solver,
        problem,
        codes,
        start,
        &Given(correlations),
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
    EncodeError::check(problem, signals, out.shape())?;
    let source = OfSignals {
        problem,
        signals,
        known: None,
    };
    out.par_col_chunks_mut(T::tile()).enumerate().for_each_init(
        || problem.workspace(),
        |lent, (tile, out)| {
            let first = tile * T::tile();
            let workspace = &mut lent.workspace;
            source.load(first..first + out.ncols(), workspace);
            store(&workspace.correlations, T::tile(), out);
        },
    );
    Ok(())
}

pub(crate) fn encode_tiles<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    codes: MatMut<'_, T>,
    start: Start,
    source: &dyn Correlations<T>,
) -> Report {
    if codes.ncols() == 0 {
        return Report::empty();
    }
    let tiles = codes.ncols().div_ceil(T::tile());
    let tiles_per_task = tiles / (TASKS_PER_THREAD * rayon::current_num_threads());
    let task_columns = tiles_per_task.clamp(1, TILES_PER_TASK) * T::tile();
    codes
        .par_col_chunks_mut(task_columns)
        .enumerate()
        // So that what is left at the end can be shared out.
        .with_max_len(1)
        .map_init(
            || problem.workspace(),
            |lent, (task, codes)| {
                let first = task * task_columns;
                let workspace = &mut lent.workspace;
                encode_task(solver, problem, codes, start, first, source, workspace)
            },
        )
        .reduce(Report::empty, Report::merge)
}

/// Solves the tiles of one task in order.
fn encode_task<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    mut codes: MatMut<'_, T>,
    start: Start,
    first_column: usize,
    source: &dyn Correlations<T>,
    workspace: &mut Workspace<T>,
) -> Report {
    let mut report = Report::empty();
    workspace.times = EncodeTimes::default();
    workspace.watch = Stopwatch::start(solver.settings().is_timed());
    for offset in (0..codes.ncols()).step_by(T::tile()) {
        let columns = T::tile().min(codes.ncols() - offset);
        let first = first_column + offset;
        let mut codes = codes.as_mut().subcols_mut(offset, columns);
        // Where they go is seldom in the cache, and by the time that they are solved it will be.
        prefetch_matrix(codes.as_ref());
        workspace.wide.forget();
        workspace.in_f64 = kkt::needs_f64(problem, solver.settings().tolerance());
        if workspace.in_f64 {
            // Certificates will want them in f64, and once is enough.
            source.load_both(first..first + columns, workspace);
        } else {
            source.load(first..first + columns, workspace);
        }
        workspace.watch.lap(&mut workspace.times.correlate);
        workspace.codes.fill(T::ZERO);
        if start == Start::Codes {
            load(codes.as_ref(), &mut workspace.codes, T::tile());
            make_feasible(&mut workspace.codes, problem.signed());
        }
        let mut tile = Tile {
            problem,
            workspace: &mut *workspace,
            columns,
            first_column: first,
            source,
        };
        report = report.merge(solve_tile(solver, &mut tile, start));
        workspace.watch.lap(&mut workspace.times.solve);
        store(&workspace.codes, T::tile(), codes.as_mut());
        workspace.watch.lap(&mut workspace.times.store);
    }
    report.times = workspace.times;
    report
}

fn make_feasible<T: Scalar>(codes: &mut [T], signed: bool) {
    for code in codes {
        if !code.finite() || (!signed && *code < T::ZERO) {
            *code = T::ZERO;
        }
    }
}
