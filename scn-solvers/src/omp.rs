//! Orthogonal matching pursuit: codes with few atoms, chosen greedily.
//!
//! A pursuit does not solve problem (1); it is the usual alternative to it. It has no penalty, but
//! adds atoms up to a given number or until a given residual is reached:
//!
//! ```text
//! L <- L + argmax_j |d_j'(x - D a)| / ||d_j||,      a_L <- argmin ||x - D_L a_L||
//! ```
//! <!-- math: L \leftarrow L \cup \Bigl\{ \arg\max_j \frac{|d_j^\top (x - D a)|}{\lVert d_j \rVert} \Bigr\}, \qquad a_L \leftarrow \arg\min \lVert x - D_L a_L \rVert -->
//!
//! Pati, Rezaiifar, Krishnaprasad, "Orthogonal matching pursuit", Asilomar 1993; in Gram form
//! Rubinstein, Zibulevsky, Elad, "Efficient implementation of the K-SVD algorithm using batch
//! orthogonal matching pursuit", Technion CS-2008-08. For nonnegative codes, a new atom must
//! correlate positively with the residual, and the least-squares problem is nonnegative
//! (Bruckstein, Elad, Zibulevsky, IEEE Trans. Information Theory 54, 2008); an atom may then leave
//! again.

use faer::{ColRef, MatMut, MatRef, Scale};
use rayon::prelude::*;

use crate::kkt;
use crate::penalty::{ElasticNet, Sign};
use crate::problem::Problem;
use crate::shapes::check_signals;
use crate::solver::Column;
use crate::tile::{ActiveFactor, ColumnSource, Scalar};
use crate::{EncodeError, ProblemError};

/// The stopping criteria of a pursuit, which ends when either is met.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{Omp, OmpStop, Sign};
///
/// let (dictionary, signal) = (Mat::<f64>::identity(3, 3), mat![[3.0], [-1.0], [2.0]]);
/// // One atom leaves 60 % of the norm of the signal, two leave 27 %.
/// for (residual, atoms) in [(0.9, 1), (0.5, 2), (0.1, 3)] {
///     let omp = Omp::new(dictionary.as_ref(), Sign::Free, OmpStop { atoms: 3, residual })?;
///     assert_eq!(omp.encode(&signal, Mat::zeros(3, 1).as_mut())?.atoms, atoms);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OmpStop {
    /// The largest number of active atoms.
    pub atoms: usize,
    /// The relative residual at which to stop: `||x - D a|| <= residual ||x||`. Below about 1e-16
    /// times the size of the codes it cannot be told from zero.
    pub residual: f64,
}

/// The result of a pursuit.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct OmpReport {
    /// Number of columns.
    pub columns: usize,
    /// Number of active atoms, summed over columns.
    pub atoms: u64,
    /// The largest `||x - D a|| / ||x||` of any column; 0 for a zero signal. NaN if a signal or its
    /// code is not finite, in which case the code is set to zero.
    pub residual: f64,
}

/// Orthogonal matching pursuit over one dictionary.
#[derive(Debug, Clone)]
pub struct Omp<T: Scalar> {
    problem: Problem<T>,
    stop: OmpStop,
}

impl<T: Scalar> Omp<T> {
    /// Creates a pursuit over a dictionary (m × n, one atom per column).
    ///
    /// # Errors
    /// Same as [`Problem::new`].
    ///
    /// # Example
    ///
    /// ```
    /// use faer::{Mat, mat};
    /// use scn_solvers::{Omp, OmpStop, Sign};
    ///
    /// let stop = OmpStop { atoms: 3, residual: 0.0 };
    /// let omp = Omp::new(Mat::<f64>::identity(3, 3).as_ref(), Sign::NonNegative, stop)?;
    /// let mut code = Mat::zeros(3, 1);
    /// // The second atom would need a negative code.
    /// let report = omp.encode(&mat![[3.0], [-1.0], [2.0]], code.as_mut())?;
    /// assert_eq!((code, report.atoms), (mat![[3.0], [0.0], [2.0]], 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(dictionary: MatRef<'_, T>, sign: Sign, stop: OmpStop) -> Result<Self, ProblemError> {
        let penalty = ElasticNet {
            sign,
            ..ElasticNet::nonnegative(T::ZERO, T::ZERO)
        };
        let problem = Problem::new(dictionary, penalty)?;
        Ok(Self { problem, stop })
    }

    /// Solves for the codes (n × P) of all signals (m × P), always in `f64`.
    ///
    /// Columns are spread over the threads of the current `rayon` pool. The result does not depend
    /// on the number of threads.
    ///
    /// # Errors
    /// Returns [`EncodeError`] if a shape does not fit the dictionary.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::{Mat, mat};
    /// use scn_solvers::{Omp, OmpStop, Sign};
    ///
    /// let stop = OmpStop { atoms: 2, residual: 0.0 };
    /// let omp = Omp::new(Mat::<f64>::identity(3, 3).as_ref(), Sign::Free, stop)?;
    /// let mut code = Mat::zeros(3, 1);
    /// let report = omp.encode(&mat![[3.0], [-1.0], [2.0]], code.as_mut())?;
    /// assert_eq!(code, mat![[3.0], [0.0], [2.0]]);
    /// assert_abs_diff_eq!(report.residual, (1.0_f64 / 14.0).sqrt(), epsilon = 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn encode(
        &self,
        signals: &dyn ColumnSource<T>,
        codes: MatMut<'_, T>,
    ) -> Result<OmpReport, EncodeError> {
        check_signals(&self.problem, signals, codes.shape())?;
        let problem = self.problem.exact();
        let rows = self.problem.rows();
        let reports = codes.par_col_chunks_mut(1).enumerate().map_init(
            || (vec![T::ZERO; rows], vec![0.0; rows]),
            |(signal, wide), (column, mut code)| {
                signals.pack(column..column + 1, signal, 1);
                for (wide, value) in wide.iter_mut().zip(&*signal) {
                    *wide = value.to_f64();
                }
                let (found, mut report) = pursue(self.stop, problem, wide);
                let found: Vec<T> = found.into_iter().map(T::from_f64).collect();
                let finite = found.iter().all(|value| value.finite());
                if !finite {
                    report.residual = f64::NAN;
                }
                for (code, value) in code.as_mut().col_mut(0).iter_mut().zip(found) {
                    *code = if finite { value } else { T::ZERO };
                }
                report
            },
        );
        Ok(reports.reduce(OmpReport::empty, OmpReport::merge))
    }
}

/// Returns the code of one signal and its report.
fn pursue(stop: OmpStop, problem: &Problem<f64>, signal: &[f64]) -> (Vec<f64>, OmpReport) {
    let mut correlations = vec![0.0; problem.atoms()];
    let signal = ColRef::from_slice(signal);
    let norm = signal.norm_l2();
    let mut report = OmpReport {
        columns: 1,
        ..OmpReport::empty()
    };
    if !norm.is_finite() {
        report.residual = f64::NAN;
        return (vec![0.0; problem.atoms()], report);
    }
    let found = problem.dictionary().transpose() * signal;
    correlations
        .iter_mut()
        .zip(found.iter())
        .for_each(|(c, &found)| *c = found);
    let mut pursuit = Pursuit::new(problem, correlations);
    loop {
        // Not computed as `||x||² - ||D a||²`, which is lost to rounding long before the residual
        // is.
        let mut left = signal.to_owned();
        report.atoms = 0;
        for (j, &a) in pursuit
            .code()
            .iter()
            .enumerate()
            .filter(|(_, a)| **a != 0.0)
        {
            left -= Scale(a) * problem.dictionary().col(j);
            report.atoms += 1;
        }
        report.residual = kkt::relative(left.norm_l2(), norm);
        let enough = report.atoms >= stop.atoms as u64 || report.residual <= stop.residual;
        if enough || !pursuit.grow() {
            return (pursuit.code().to_vec(), report);
        }
    }
}

impl OmpReport {
    /// Returns the report of an empty batch.
    pub fn empty() -> Self {
        Self {
            columns: 0,
            atoms: 0,
            residual: 0.0,
        }
    }

    /// Merges the reports of two batches.
    pub fn merge(self, other: Self) -> Self {
        let residual = if self.residual.is_nan() || other.residual.is_nan() {
            f64::NAN
        } else {
            self.residual.max(other.residual)
        };
        Self {
            columns: self.columns + other.columns,
            atoms: self.atoms + other.atoms,
            residual,
        }
    }
}

/// The state of one column: least squares on a growing active set.
enum Pursuit<'a> {
    /// The active-set solver with λ1 = 0 does exactly this, and keeps codes nonnegative.
    NonNegative(Column<'a>),
    Free {
        problem: &'a Problem<f64>,
        correlations: Vec<f64>,
        factor: ActiveFactor,
        code: Vec<f64>,
    },
}

impl<'a> Pursuit<'a> {
    fn new(problem: &'a Problem<f64>, correlations: Vec<f64>) -> Self {
        let code = vec![0.0; correlations.len()];
        if problem.signed() {
            Self::Free {
                problem,
                correlations,
                factor: ActiveFactor::new(),
                code,
            }
        } else {
            Self::NonNegative(Column::new(problem, correlations, code))
        }
    }

    fn code(&self) -> &[f64] {
        match self {
            Self::NonNegative(column) => column.code(),
            Self::Free { code, .. } => code,
        }
    }

    /// Adds the atom that correlates best with the residual. Returns false if none does.
    fn grow(&mut self) -> bool {
        let Self::Free {
            problem,
            correlations,
            factor,
            code,
        } = self
        else {
            let Self::NonNegative(column) = self else {
                return false;
            };
            return column.bring_in();
        };
        let gram = problem.gram();
        let mut candidates: Vec<(f64, usize)> = (0..code.len())
            .filter(|j| problem.inverse_diagonal()[*j] > 0.0 && !factor.atoms().contains(j))
            .map(|j| {
                let terms = factor.atoms().iter().map(|&i| gram[(j, i)] * code[i]);
                let (fit, size) = terms.fold((0.0, 0.0), |(fit, size), term: f64| {
                    (fit + term, size + term.abs())
                });
                let left = (correlations[j] - fit).abs();
                let rounding = 1e-14 * (correlations[j].abs() + size);
                let score = if left > rounding { left } else { 0.0 };
                (score / problem.diagonal()[j].sqrt(), j)
            })
            .filter(|&(score, _)| score > 0.0)
            .collect();
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, atom) in candidates {
            if factor.push(gram, atom) {
                let right_side = factor.atoms().iter().map(|&j| correlations[j]).collect();
                for (&j, value) in factor.atoms().iter().zip(factor.solve(right_side)) {
                    code[j] = value;
                }
                return true;
            }
        }
        false
    }
}
