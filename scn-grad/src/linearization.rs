//! Solved points.

use faer::MatRef;
use scn_solvers::{ColumnSource, Problem, Scalar};

use crate::GradError;

/// A solved point `a* = a*(D, x, λ1, λ2)` for a batch of signals.
///
/// It consists of a problem, signals (m × P) and codes (n × P). The active set of a column is where
/// its code is not zero.
#[derive(Clone, Copy)]
pub struct Linearization<'a, T: Scalar> {
    problem: &'a Problem<T>,
    signals: &'a dyn ColumnSource<T>,
    codes: MatRef<'a, T>,
}

impl<'a, T: Scalar> Linearization<'a, T> {
    /// Creates a point from codes as computed by [`encode`](scn_solvers::encode()).
    ///
    /// # Errors
    /// Returns [`GradError`] if a shape does not fit the problem.
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

    /// Returns the problem that was solved.
    pub fn problem(&self) -> &'a Problem<T> {
        self.problem
    }

    /// Returns the signals, m × P.
    pub fn signals(&self) -> &'a dyn ColumnSource<T> {
        self.signals
    }

    /// Returns the codes, n × P.
    pub fn codes(&self) -> MatRef<'a, T> {
        self.codes
    }
}
