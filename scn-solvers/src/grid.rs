//! Codes for a grid of λ1, each solve started from the previous codes; used to choose λ1.

use faer::{Mat, MatMut, MatRef};

use crate::GridError;
use crate::encode::{correlate, encode_tiles};
use crate::penalty::{Lambda1, Sign};
use crate::problem::Problem;
use crate::report::Report;
use crate::shapes::check_signals;
use crate::solver::Solver;
use crate::source::OfSignals;
use crate::start::Start;
use crate::tile::{ColumnSource, Scalar};
use crate::workspaces::Workspaces;

/// The codes for one λ1 of a grid.
#[derive(Debug)]
#[non_exhaustive]
pub struct GridPoint<'a, T> {
    /// Index of the point in the grid.
    pub index: usize,
    /// The λ1 from the grid.
    pub lambda1: T,
    /// The codes of all signals, n × P.
    pub codes: MatRef<'a, T>,
    /// The result of the solve.
    pub report: Report,
}

/// Solves for each λ1 of `grid` in turn, starting from the previous codes.
///
/// Each time, `visit` is called with the codes of all signals. `D'x` (n × P) is computed once and
/// kept. At the end, `codes` (n × P) holds the codes for the last λ1.
///
/// Each value of the grid replaces the problem's λ1; if the problem has one λ1 per atom, the value
/// times λ1_j is used. Start with the largest value, where codes have few active entries;
/// [`lambda1_grid`] returns such a grid. For one signal and every λ1, see
/// [`path()`](crate::path()).
///
/// # Errors
/// Returns [`GridError`] if a shape does not fit the problem, if a value of the grid is negative or
/// not finite, or if a value times a weight λ1_j overflows. Shapes and values are checked before
/// anything is solved.
///
/// # Example
///
/// ```
/// use faer::Mat;
/// use scn_solvers::grid::{encode_grid, lambda1_grid};
/// use scn_solvers::synthetic::{dictionary, normal_matrix};
/// use scn_solvers::{Auto, ElasticNet, Problem, Settings};
///
/// let atoms = dictionary::<f64>(20, 30, 0.1, 1);
/// let signals = normal_matrix::<f64>(20, 100, 2);
/// let problem = Problem::new(atoms.as_ref(), ElasticNet::nonnegative(0.0, 1e-3))?;
/// let grid = lambda1_grid(&problem, &signals, 10, 0.01)?;
///
/// let mut codes = Mat::zeros(30, 100);
/// let mut active = Vec::new();
/// let solver = Auto::new(Settings::default());
/// encode_grid(&solver, &problem, &signals, &grid, codes.as_mut(), &mut |point| {
///     assert!(point.report.converged());
///     let entries = point.codes.col_iter().flat_map(|code| code.iter());
///     active.push(entries.filter(|&&a| a > 0.0).count());
/// })?;
/// assert_eq!(active[0], 0);
/// assert!(active[9] > active[5] && active[5] > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_grid<T: Scalar>(
    solver: &dyn Solver<T>,
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    grid: &[T],
    mut codes: MatMut<'_, T>,
    visit: &mut dyn FnMut(GridPoint<'_, T>),
) -> Result<(), GridError> {
    check_signals(problem, signals, codes.shape())?;
    if let Some(index) = grid.iter().position(|&l| !(l.finite() && l >= T::ZERO)) {
        return Err(GridError::Lambda1 {
            index,
            found: grid[index].to_f64(),
        });
    }
    let weights = problem.penalty().lambda1.clone();
    let mut problem = problem.clone();
    let mut correlations = Mat::zeros(problem.atoms(), signals.columns());
    correlate(&problem, signals, correlations.as_mut())?;
    let workspaces = Workspaces::new();
    let mut start = Start::Zero;
    for (index, &lambda1) in grid.iter().enumerate() {
        problem.set_lambda1(match &weights {
            Lambda1::Scalar(_) => Lambda1::Scalar(lambda1),
            Lambda1::PerAtom(weights) => {
                Lambda1::PerAtom(weights.iter().map(|&weight| weight * lambda1).collect())
            }
        })?;
        let source = OfSignals {
            problem: &problem,
            signals,
            known: Some(correlations.as_ref()),
        };
        let report = encode_tiles(
            solver,
            &problem,
            codes.as_mut(),
            start,
            &source,
            &workspaces,
        );
        start = Start::Codes;
        visit(GridPoint {
            index,
            lambda1,
            codes: codes.as_ref(),
            report,
        });
    }
    Ok(())
}

/// Returns `count` values of λ1 in geometric progression, for [`encode_grid`].
///
/// The first is the smallest λ1 that leaves every code zero: `max c_j` over all signals, or
/// `max |c_j|` for signed codes. The last is `ratio` times the first. For a problem with one λ1 per
/// atom, `c_j / λ1_j` replaces `c_j`.
///
/// # Errors
/// Returns [`GridError`] if the signals do not fit the problem or the ratio is outside (0, 1).
///
/// # Example
///
/// ```
/// use approx::assert_abs_diff_eq;
/// use faer::{Mat, mat};
/// use scn_solvers::{Auto, ElasticNet, Lambda1, Problem, Start, encode, lambda1_grid};
///
/// let dictionary = Mat::<f64>::identity(2, 2);
/// let mut problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.0, 0.0))?;
/// let signals = mat![[4.0, 1.0], [2.0, -8.0]];
/// let grid = lambda1_grid(&problem, &signals, 3, 1.0 / 16.0)?;
/// assert_abs_diff_eq!(grid[..], [4.0, 1.0, 0.25][..], epsilon = 1e-12);
///
/// problem.set_lambda1(Lambda1::Scalar(grid[0]))?;
/// let mut codes = Mat::full(2, 2, 1.0);
/// assert!(encode(&Auto::default(), &problem, &signals, codes.as_mut(), Start::Zero)?.converged());
/// assert_eq!(codes, Mat::<f64>::zeros(2, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn lambda1_grid<T: Scalar>(
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    count: usize,
    ratio: f64,
) -> Result<Vec<T>, GridError> {
    if !(ratio > 0.0 && ratio < 1.0) {
        return Err(GridError::Ratio { found: ratio });
    }
    let mut correlations = Mat::zeros(problem.atoms(), signals.columns());
    correlate(problem, signals, correlations.as_mut())?;
    let weight = |j: usize| match &problem.penalty().lambda1 {
        Lambda1::Scalar(_) => 1.0,
        Lambda1::PerAtom(weights) => weights[j].to_f64(),
    };
    let mut largest = 0.0_f64;
    for (j, row) in correlations
        .row_iter()
        .enumerate()
        .filter(|(j, _)| weight(*j) > 0.0)
    {
        for c in row.iter().map(|c| c.to_f64()) {
            let c = if problem.penalty().sign == Sign::Free {
                c.abs()
            } else {
                c
            };
            largest = largest.max(c / weight(j));
        }
    }
    let steps = count.saturating_sub(1).max(1) as f64;
    let values = (0..count).map(|index| largest * ratio.powf(index as f64 / steps));
    Ok(values.map(T::from_f64).collect())
}
