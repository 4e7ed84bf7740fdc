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
    ///
    /// # Example
    ///
    /// ```
    /// use faer::mat;
    /// use scn_grad::{GradError, Linearization};
    /// use scn_solvers::{ElasticNet, Problem};
    ///
    /// let problem = Problem::new(mat![[1.0], [0.0]].as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
    /// let (signals, codes) = (mat![[2.0, 1.0], [3.0, 0.0]], mat![[1.5, 0.5]]);
    /// let point = Linearization::new(&problem, &signals, codes.as_ref())?;
    /// assert_eq!((point.signals().columns(), point.codes().ncols()), (2, 2));
    ///
    /// // There must be one code per signal.
    /// let one_code = Linearization::new(&problem, &signals, codes.subcols(0, 1));
    /// assert!(matches!(one_code, Err(GradError::Shape { expected: (1, 2), found: (1, 1), .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
