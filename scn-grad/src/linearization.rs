//! A solved point, and the derivative there.

use faer::{MatMut, MatRef};
use rayon::prelude::*;
use scn_solvers::certificate::correlations;
use scn_solvers::kkt::margin;
use scn_solvers::{ColumnSource, Problem, Scalar};

use crate::adjoint::{MatrixGradient, SignalGradient};
use crate::tangent::{Pushforward, Tangent};
use crate::{Adjoint, AdjointSums, GradError, Gradients, MaskedReport, MaskedSolver};

/// Tasks of a batch, at most: each has sums of its own (m n + n² numbers), which bounds memory, and as many threads find work.
/// Fixed, so that the order of all sums, and with it every bit of the result, is the same for any number of threads.
const TASKS: usize = 64;

/// A solved point `a* = a*(D, x, λ1, λ2)` for a batch of signals: problem, signals (m × P) and codes (n × P). The
/// active set of a column is where its code is not zero.
#[derive(Clone, Copy)]
pub struct Linearization<'a, T: Scalar> {
    problem: &'a Problem<T>,
    signals: &'a dyn ColumnSource<T>,
    codes: MatRef<'a, T>,
}

impl<'a, T: Scalar> Linearization<'a, T> {
    /// Takes codes as they came out of [`encode`](scn_solvers::encode()).
    ///
    /// # Errors
    /// Shapes that do not fit the problem.
    pub fn new(
        problem: &'a Problem<T>,
        signals: &'a dyn ColumnSource<T>,
        codes: MatRef<'a, T>,
    ) -> Result<Self, GradError> {
        if signals.rows() != problem.rows() {
            return Err(GradError::SignalLength {
                expected: problem.rows(),
                found: signals.rows(),
            });
        }
        GradError::check(
            "the matrix of codes",
            (problem.atoms(), signals.columns()),
            codes.shape(),
        )?;
        Ok(Self {
            problem,
            signals,
            codes,
        })
    }

    /// The problem that was solved.
    pub fn problem(&self) -> &'a Problem<T> {
        self.problem
    }

    /// Its signals.
    pub fn signals(&self) -> &'a dyn ColumnSource<T> {
        self.signals
    }

    /// Its codes, n × P.
    pub fn codes(&self) -> MatRef<'a, T> {
        self.codes
    }

    /// The adjoint: given `dLoss/da` (n × P), adds `dLoss/d(D, λ1, λ2)` to `gradients` and `dLoss/dx`, if it is wanted, to
    /// `signal_gradient` (m × P). Spread over the threads of the current `rayon` pool; the result does not depend on
    /// their number. Memory beyond that is some tiles per thread and at most 64 times what `gradients` holds.
    ///
    /// # Errors
    /// Shapes that do not fit the problem.
    pub fn vjp(
        &self,
        solver: &dyn MaskedSolver<T>,
        cotangent: MatRef<'_, T>,
        gradients: &mut Gradients<T>,
        signal_gradient: Option<MatMut<'_, T>>,
    ) -> Result<MaskedReport, GradError> {
        let (rows, atoms, columns) = (
            self.problem.rows(),
            self.problem.atoms(),
            self.codes.ncols(),
        );
        GradError::check("dLoss/da", (atoms, columns), cotangent.shape())?;
        GradError::check("dLoss/dD", (rows, atoms), gradients.dictionary.shape())?;
        GradError::check("dLoss/dlambda1", (atoms, 1), (gradients.lambda1.len(), 1))?;
        if let Some(signal_gradient) = &signal_gradient {
            GradError::check("dLoss/dx", (rows, columns), signal_gradient.shape())?;
        }
        if columns == 0 {
            return Ok(MaskedReport::empty());
        }

        let task_columns = task_columns::<T>(columns);
        let task = |adjoint: &mut Adjoint<T>, task: usize, matrix: Option<MatMut<'_, T>>| {
            let offset = task * task_columns;
            let range = offset..(offset + task_columns).min(columns);
            let mut sums = AdjointSums::zeros(self.problem);
            let mut sink = matrix.map(|matrix| MatrixGradient { matrix, offset });
            let sink = sink.as_mut().map(|sink| sink as &mut dyn SignalGradient<T>);
            let report = adjoint.columns(self, solver, cotangent, range, &mut sums, sink);
            (sums, report)
        };
        let parts: Vec<(AdjointSums<T>, MaskedReport)> = match signal_gradient {
            Some(matrix) => matrix
                .par_col_chunks_mut(task_columns)
                .enumerate()
                .with_max_len(1)
                .map_init(Adjoint::new, |adjoint, (index, matrix)| {
                    task(adjoint, index, Some(matrix))
                })
                .collect(),
            None => (0..columns.div_ceil(task_columns))
                .into_par_iter()
                .with_max_len(1)
                .map_init(Adjoint::new, |adjoint, index| task(adjoint, index, None))
                .collect(),
        };
        Ok(AdjointSums::finish_all(parts, self.problem, gradients))
    }

    /// The derivative along a direction: writes da (n × P) to `out`. Spread over the threads of the current `rayon` pool.
    ///
    /// # Errors
    /// Shapes that do not fit the problem.
    pub fn jvp(
        &self,
        solver: &dyn MaskedSolver<T>,
        tangent: &Tangent<'_, T>,
        out: MatMut<'_, T>,
    ) -> Result<MaskedReport, GradError> {
        let (atoms, columns) = self.codes.shape();
        GradError::check("da", (atoms, columns), out.shape())?;
        tangent.check(self)?;
        if columns == 0 {
            return Ok(MaskedReport::empty());
        }
        let task_columns = task_columns::<T>(columns);
        let reports: Vec<MaskedReport> = out
            .par_col_chunks_mut(task_columns)
            .enumerate()
            .with_max_len(1)
            .map_init(Pushforward::default, |worker, (task, out)| {
                let first = task * task_columns;
                worker.columns(self, solver, tangent, first..first + out.ncols(), out)
            })
            .collect();
        let merge = |report: MaskedReport, next| report.merge(next);
        Ok(reports.into_iter().fold(MaskedReport::empty(), merge))
    }

    /// How far the columns stand from where the map has no derivative. Spread over the threads of the current `rayon` pool.
    ///
    /// `tolerance` is that of the solve: an entry nearer to its kink than that may be on the wrong side of it.
    pub fn margins(&self, tolerance: f64) -> Margins {
        let problem = self.problem;
        let margins: Vec<f64> = (0..self.codes.ncols())
            .into_par_iter()
            .map_init(
                || (vec![T::ZERO; problem.rows()], Vec::new()),
                |(signal, code), k| {
                    self.signals.pack(k..k + 1, signal, 1);
                    code.clear();
                    code.extend(self.codes.col(k).iter().copied());
                    margin(problem, &correlations(problem, signal), code)
                },
            )
            .collect();
        let mut result = Margins {
            smallest: f64::INFINITY,
            column: 0,
            undecided: 0,
        };
        for (column, &margin) in margins.iter().enumerate() {
            if margin < result.smallest {
                (result.smallest, result.column) = (margin, column);
            }
            // Written so that a NaN counts.
            result.undecided += usize::from(!(margin > tolerance));
        }
        result
    }
}

/// How far the columns of a batch stand from the kinks of the map; see [`Linearization::margins`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margins {
    /// The smallest [margin of strict complementarity](scn_solvers::kkt::margin) of any column: how far the nearest entry is
    /// from changing its activity. Infinite for no columns.
    pub smallest: f64,
    /// The first column with it.
    pub column: usize,
    /// Columns whose margin is no larger than the tolerance: their active sets are not certain, nor are their derivatives.
    pub undecided: usize,
}

/// Columns of a task: whole tiles, and the same whatever the number of threads.
fn task_columns<T: Scalar>(columns: usize) -> usize {
    columns.div_ceil(T::tile()).div_ceil(TASKS) * T::tile()
}
