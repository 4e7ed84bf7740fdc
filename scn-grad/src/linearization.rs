//! A solved point, and the derivative there.

use faer::{MatMut, MatRef};
use rayon::prelude::*;
use scn_solvers::certificate::correlations;
use scn_solvers::kkt::margin;
use scn_solvers::{ColumnSource, Problem, Scalar};

use crate::adjoint::{MatrixGradient, block_columns};
use crate::{Adjoint, AdjointReport, AdjointSums, GradError, Gradients, MaskedSolver};

/// Blocks of columns whose sums are added up by one worker before they are added to the others'. Fixed, so that the order
/// of all sums, and with it every bit of the result, is the same for any number of threads.
const BLOCKS_PER_TASK: usize = 4;

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

    /// The adjoint: given `dLoss/da` (n × P), adds `dLoss/d(D, λ1, λ2)` to `gradients` and `dLoss/dx` to
    /// `signal_gradient` (m × P). Spread over the threads of the current `rayon` pool; the result does not depend on
    /// their number.
    ///
    /// # Errors
    /// Shapes that do not fit the problem.
    pub fn vjp(
        &self,
        solver: &dyn MaskedSolver<T>,
        cotangent: MatRef<'_, T>,
        gradients: &mut Gradients<T>,
        signal_gradient: MatMut<'_, T>,
    ) -> Result<AdjointReport, GradError> {
        let (rows, atoms, columns) = (
            self.problem.rows(),
            self.problem.atoms(),
            self.codes.ncols(),
        );
        GradError::check("dLoss/da", (atoms, columns), cotangent.shape())?;
        GradError::check("dLoss/dx", (rows, columns), signal_gradient.shape())?;
        GradError::check("dLoss/dD", (rows, atoms), gradients.dictionary.shape())?;
        GradError::check("dLoss/dlambda1", (atoms, 1), (gradients.lambda1.len(), 1))?;
        if columns == 0 {
            return Ok(AdjointReport::empty());
        }

        let task_columns = BLOCKS_PER_TASK * block_columns::<T>(rows);
        let parts: Vec<(AdjointSums<T>, AdjointReport)> = signal_gradient
            .par_col_chunks_mut(task_columns)
            .enumerate()
            .map_init(Adjoint::new, |adjoint, (task, matrix)| {
                let offset = task * task_columns;
                let range = offset..offset + matrix.ncols();
                let mut sums = AdjointSums::zeros(self.problem);
                let mut sink = MatrixGradient { matrix, offset };
                let report =
                    adjoint.columns(self, solver, cotangent, range, &mut sums, Some(&mut sink));
                (sums, report)
            })
            .collect();

        Ok(AdjointSums::finish_all(parts, self.problem, gradients))
    }

    /// The smallest [margin of strict complementarity](scn_solvers::kkt::margin) of any column: how far the nearest entry is
    /// from changing its activity. The derivative is exact where the margin is well above the KKT residual. Evaluated in f64
    /// by plain loops. Infinite for no columns.
    pub fn margin(&self) -> f64 {
        let problem = self.problem;
        let mut signal = vec![T::ZERO; problem.rows()];
        let mut smallest = f64::INFINITY;
        for k in 0..self.codes.ncols() {
            self.signals.pack(k..k + 1, &mut signal, 1);
            let correlations = correlations(problem, &signal);
            let code: Vec<T> = self.codes.col(k).iter().copied().collect();
            smallest = smallest.min(margin(problem, &correlations, &code));
        }
        smallest
    }
}
