//! Codes of any number of signals, in tiles × threads.

mod tiles;

use faer::{ColMut, ColRef, MatMut, MatRef};
use rayon::prelude::*;

use self::tiles::Tiles;
use crate::EncodeError;
use crate::measure::ColumnMeasure;
use crate::problem::Problem;
use crate::report::Report;
use crate::shapes::{check_correlations, check_signals};
use crate::solver::Solver;
use crate::source::{Correlations, FromMatrix, OfSignals};
use crate::start::Start;
use crate::tile::columns::store;
use crate::tile::{ColumnSource, Scalar};
use crate::workspaces::Workspaces;

/// Solves for the codes (n × P) of all signals (m × P).
///
/// The columns are solved side by side in tiles of [`Real::tile`](crate::tile::Real::tile) columns,
/// spread over the threads of the current `rayon` pool. Each tile is multiplied by `D'`, solved and
/// stored in one visit, so the only memory needed besides the codes is a few tiles per thread;
/// [`encode_with`] keeps them for the next call. All columns of a tile are iterated until the last
/// has converged. The result does not depend on the number of threads.
///
/// Correlating is fastest for column-major signals, and storing is fastest for row-major codes
/// (column stride 1).
///
/// # Errors
/// Returns [`EncodeError`] if a shape does not fit the problem. A column that does not converge is
/// not an error: see [`Report`].
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{Auto, ElasticNet, Problem, Start, encode};
///
/// // Over orthonormal atoms the code is x - lambda1, or 0 where that is negative.
/// let dictionary = Mat::<f64>::identity(2, 2);
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(1.0, 0.0))?;
/// // Three signals, one per column.
/// let signals = mat![[3.0, 0.5, -2.0], [1.5, 4.0, 1.0]];
/// let mut codes = Mat::zeros(2, 3);
/// let report = encode(&Auto::default(), &problem, &signals, codes.as_mut(), Start::Zero)?;
/// assert!(report.converged());
/// assert_eq!(codes, mat![[2.0, 0.0, 0.0], [0.5, 3.0, 0.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    codes: MatMut<'_, T>,
    start: Start,
) -> Result<Report, EncodeError> {
    encode_with(solver, problem, signals, codes, start, &Workspaces::new())
}

/// Solves for the code (length n) of one signal (length m).
///
/// Many signals are encoded much faster by one call of [`encode`], which solves them side by side.
///
/// # Errors
/// Returns [`EncodeError`] if the length of the signal does not fit the problem. A code that does
/// not converge is not an error: see [`Report`].
///
/// # Example
///
/// ```
/// use faer::mat;
/// use scn_solvers::{Auto, ElasticNet, Problem, encode_signal};
///
/// // One atom: the code is (d'x - lambda1) / d'd.
/// let dictionary = mat![[3.0], [4.0]];
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(5.0, 0.0))?;
/// let (code, report) = encode_signal(&Auto::default(), &problem, &[2.0, 1.0])?;
/// assert!(report.converged());
/// assert_eq!(code, [0.2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_signal<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    signal: &[T],
) -> Result<(Vec<T>, Report), EncodeError> {
    let signal = ColRef::from_slice(signal).as_mat();
    let mut code = vec![T::ZERO; problem.atoms()];
    let codes = ColMut::from_slice_mut(&mut code).as_mat_mut();
    let report = encode(solver, problem, &signal, codes, Start::Zero)?;
    Ok((code, report))
}

/// Same as [`encode`], but reuses memory between calls.
///
/// After the first call, solvers that process whole tiles allocate nothing. Solvers that work
/// column by column still do: [`ActiveSet`](crate::ActiveSet), [`Lars`](crate::Lars) and the last
/// resort of [`Auto`](crate::Auto).
///
/// # Errors
/// Same as [`encode`].
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{Auto, ElasticNet, Problem, Start, Workspaces, encode, encode_with};
///
/// let (solver, start, workspaces) = (Auto::default(), Start::Zero, Workspaces::new());
/// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
/// let (mut codes, mut expected) = (Mat::zeros(2, 2), Mat::zeros(2, 2));
/// for batch in [mat![[1.0, 2.0], [3.0, 4.0]], mat![[4.0, 3.0], [2.0, 1.0]]] {
///     let report = encode_with(&solver, &problem, &batch, codes.as_mut(), start, &workspaces)?;
///     assert_eq!(report, encode(&solver, &problem, &batch, expected.as_mut(), start)?);
///     assert_eq!(codes, expected);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// Same as [`encode_with`], but starts a new tile after every `part` columns.
///
/// The codes of each part are bit-identical to those of the part encoded by itself, so processes
/// that share out whole parts find the same codes as a single process. If `part` is not a multiple
/// of the tile width, the last tile of each part has unused columns, which cost time nevertheless.
///
/// # Errors
/// Same as [`encode`].
///
/// # Example
///
/// ```
/// use faer::Mat;
/// use scn_solvers::{Auto, ElasticNet, Problem, Start, Workspaces, encode, encode_in_parts};
///
/// let dictionary = Mat::<f64>::from_fn(4, 6, |i, j| (((i + 1) * (j + 1)) as f64).sin());
/// let signals = Mat::<f64>::from_fn(4, 7, |i, k| ((i + k) as f64).cos());
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
/// let (solver, start, memory) = (Auto::default(), Start::Zero, Workspaces::new());
/// let mut codes = Mat::zeros(6, 7);
/// let out = codes.as_mut();
/// let report = encode_in_parts(&solver, &problem, &signals, out, start, &memory, 3)?;
/// assert!(report.converged());
///
/// // The second part holds columns 3, 4 and 5.
/// let (second, mut alone) = (signals.subcols(3, 3), Mat::zeros(6, 3));
/// assert!(encode(&solver, &problem, &second, alone.as_mut(), start)?.converged());
/// assert_eq!(codes.subcols(3, 3), alone);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    let tiles = Tiles::new(solver, problem, start, &source, workspaces).in_parts(part);
    Ok(tiles.encode(codes))
}

/// Same as [`encode_with`], but also measures each code after it is solved.
///
/// Returns the [measures](crate::measure_columns) of all columns in order. They only cost `H a` and
/// a few sums, since `D'x` is already available. If the solve computed `D'x` in `f64`, the measures
/// use that result.
///
/// # Errors
/// Same as [`encode`].
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{Auto, ElasticNet, Problem, Settings, Start, Workspaces, encode_measured};
///
/// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// let (signals, mut codes) = (mat![[2.0, -1.0], [1.0, -1.0]], Mat::zeros(2, 2));
/// let solver = Auto::new(Settings::new(1e-10, 1000)?);
/// let (out, memory) = (codes.as_mut(), Workspaces::new());
/// let (_, measures) = encode_measured(&solver, &problem, &signals, out, Start::Zero, &memory)?;
/// assert!(measures.iter().all(|measure| measure.residual <= 1e-10));
/// // No atom correlates positively with the second signal.
/// assert_eq!((measures[0].active, measures[1].active), (2, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// Same as [`encode_measured`], but takes correlations `c = D'x` (n × P) instead of signals.
///
/// Without signals, as in [`encode_correlations`], there are no duality gaps.
///
/// # Errors
/// Returns [`EncodeError`] if a shape does not fit the problem.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{Auto, ElasticNet, Problem, Start, Workspaces, encode_correlations_measured};
///
/// let gram = mat![[2.0, 0.0], [0.0, 4.0]];
/// let problem = Problem::from_gram(gram.as_ref(), ElasticNet::nonnegative(1.0, 0.0))?;
/// let (correlations, mut code) = (mat![[3.0], [-2.0]], Mat::zeros(2, 1));
/// let (c, a, memory) = (correlations.as_ref(), code.as_mut(), Workspaces::new());
/// let solver = Auto::default();
/// let (_, found) = encode_correlations_measured(&solver, &problem, c, a, Start::Zero, &memory)?;
/// assert_eq!(code, mat![[1.0], [0.0]]);
/// assert_eq!((found[0].scale, found[0].active, found[0].duality_gap), (3.0, 1, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// Solves for the codes (n × P) of given correlations `c = D'x` (n × P).
///
/// This is for problems posed by their [Gram matrix](Problem::from_gram) and for callers that
/// already have `D'x`. It otherwise works like [`encode`].
///
/// # Errors
/// Returns [`EncodeError`] if a shape does not fit the problem.
///
/// # Example
///
/// ```
/// use approx::assert_abs_diff_eq;
/// use faer::{Mat, mat};
/// use scn_solvers::{Auto, ElasticNet, Problem, Settings, Start, encode_correlations};
///
/// // Without a penalty, codes of any sign solve H a = c.
/// let gram = mat![[2.0, 1.0], [1.0, 2.0]];
/// let problem = Problem::from_gram(gram.as_ref(), ElasticNet::signed(0.0, 0.0))?;
/// let (correlations, mut code) = (mat![[-1.0], [1.0]], Mat::zeros(2, 1));
/// let solver = Auto::new(Settings::new(1e-12, 1000)?);
/// let (c, a) = (correlations.as_ref(), code.as_mut());
/// let report = encode_correlations(&solver, &problem, c, a, Start::Zero)?;
/// assert!(report.converged());
/// assert_abs_diff_eq!(code.col_as_slice(0)[..], [-1.0, 1.0][..], epsilon = 1e-10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

/// Writes the correlations `D'x` (n × P) of all signals (m × P), in tiles × threads like
/// [`encode`].
///
/// # Errors
/// Returns [`EncodeError`] if a shape does not fit the problem.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{ElasticNet, Problem, correlate};
///
/// let dictionary = mat![[1.0, 0.0], [2.0, 1.0]];
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// let signals = mat![[1.0, 3.0], [1.0, -1.0]];
/// let mut correlations = Mat::zeros(2, 2);
/// correlate(&problem, &signals, correlations.as_mut())?;
/// assert_eq!(correlations, mat![[3.0, 1.0], [1.0, -1.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
