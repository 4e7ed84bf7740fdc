//! A sparse coding problem in memory: its arrays, its solution, and the optimality of codes.

use std::path::PathBuf;

use anyhow::{Context, Result};
use faer::{Mat, MatMut, MatRef};
use scn_solvers::synthetic::Workload;
use scn_solvers::{
    ColumnMeasure, ElasticNet, Problem, Report, Scalar, Solver, Start, Workspaces, certify_columns,
    encode, encode_correlations, encode_correlations_measured, encode_measured, kkt,
};
use serde::{Deserialize, Serialize};

/// A problem in the precision of its files.
pub(crate) enum AnyProblem {
    F32(ProblemArrays<f32>),
    F64(ProblemArrays<f64>),
}

/// The kind of matrix that defines a problem: a dictionary or its Gram matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatrixKind {
    Dictionary,
    Gram,
}

/// A problem without its signals or correlations.
pub(crate) struct Posing<T> {
    pub(crate) kind: MatrixKind,
    /// m × n for a dictionary, n × n for a Gram matrix.
    pub(crate) matrix: Mat<T>,
    pub(crate) penalty: ElasticNet<T>,
    /// Source of the matrix, for messages.
    pub(crate) matrix_path: PathBuf,
}

/// The arrays of a problem.
pub(crate) struct ProblemArrays<T> {
    pub(crate) posing: Posing<T>,
    /// Signals (m × P) or correlations (n × P), column-major.
    pub(crate) columns: Mat<T>,
}

/// The distance of codes from the optimum, measured in f64.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct CodesCheck {
    pub(crate) kkt: f64,
    /// None without signals, because it is relative to their norm.
    pub(crate) duality_gap: Option<f64>,
    /// The smallest margin of strict complementarity.
    pub(crate) margin: f64,
    /// Number of active entries.
    pub(crate) active: usize,
}

impl CodesCheck {
    /// Returns the check of an empty set of codes.
    pub(crate) fn none(kind: MatrixKind) -> Self {
        Self {
            kkt: 0.0,
            duality_gap: (kind == MatrixKind::Dictionary).then_some(0.0),
            margin: f64::INFINITY,
            active: 0,
        }
    }

    /// Combines the checks of two sets of codes.
    pub(crate) fn merge(self, other: Self) -> Self {
        Self {
            kkt: largest(self.kkt, other.kkt),
            duality_gap: self
                .duality_gap
                .zip(other.duality_gap)
                .map(|(a, b)| largest(a, b)),
            margin: -largest(-self.margin, -other.margin),
            active: self.active + other.active,
        }
    }
}

/// Returns the larger number, or NaN if either is NaN.
pub(crate) fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

impl<T: Scalar> Posing<T> {
    /// Returns the number of atoms, n.
    pub(crate) fn atoms(&self) -> usize {
        self.matrix.ncols()
    }

    /// Returns the posed problem.
    pub(crate) fn pose(&self) -> Result<Problem<T>> {
        let penalty = self.penalty.clone();
        match self.kind {
            MatrixKind::Dictionary => Problem::new(self.matrix.as_ref(), penalty),
            MatrixKind::Gram => Problem::from_gram(self.matrix.as_ref(), penalty),
        }
        .with_context(|| {
            format!(
                "cannot pose the problem with {}",
                self.matrix_path.display()
            )
        })
    }

    /// Solves for the codes of columns (m × P, or n × P) starting from zero, and measures them.
    pub(crate) fn encode_measured(
        &self,
        solver: &dyn Solver<T>,
        problem: &Problem<T>,
        columns: MatRef<'_, T>,
        codes: MatMut<'_, T>,
        workspaces: &Workspaces<T>,
    ) -> Result<(Report, Vec<ColumnMeasure>)> {
        let start = Start::Zero;
        Ok(match self.kind {
            MatrixKind::Dictionary => {
                encode_measured(solver, problem, &columns, codes, start, workspaces)
            }
            MatrixKind::Gram => {
                encode_correlations_measured(solver, problem, columns, codes, start, workspaces)
            }
        }?)
    }

    /// Measures how far the codes (n × P) of columns are from the optimum, in f64.
    pub(crate) fn certify(
        &self,
        problem: &Problem<T>,
        columns: MatRef<'_, T>,
        codes: MatRef<'_, T>,
    ) -> Result<CodesCheck> {
        let none = CodesCheck::none(self.kind);
        if self.kind == MatrixKind::Dictionary {
            let certificates = certify_columns(problem, &columns, codes)?;
            let checks = certificates.into_iter().map(|column| CodesCheck {
                kkt: column.residual,
                duality_gap: Some(column.duality_gap),
                margin: column.margin,
                active: column.active,
            });
            return Ok(checks.fold(none, CodesCheck::merge));
        }
        let pairs = columns.col_iter().zip(codes.col_iter());
        let checks = pairs.map(|(correlations, code)| {
            let correlations: Vec<T> = correlations.iter().copied().collect();
            let code: Vec<T> = code.iter().copied().collect();
            CodesCheck {
                kkt: kkt::residual(problem, &correlations, &code),
                duality_gap: None,
                margin: kkt::margin(problem, &correlations, &code),
                active: code.iter().filter(|&&a| a != T::ZERO).count(),
            }
        });
        Ok(checks.fold(none, CodesCheck::merge))
    }
}

impl<T: Scalar> ProblemArrays<T> {
    /// Creates the problem of a random workload.
    pub(crate) fn random(workload: Workload<T>) -> Self {
        Self {
            posing: Posing {
                kind: MatrixKind::Dictionary,
                matrix: workload.dictionary,
                penalty: ElasticNet::nonnegative(workload.lambda1, workload.lambda2),
                matrix_path: "a random dictionary".into(),
            },
            columns: workload.signals,
        }
    }

    /// Solves for the codes of all columns, starting from zero.
    pub(crate) fn encode(
        &self,
        solver: &dyn Solver<T>,
        problem: &Problem<T>,
        codes: MatMut<'_, T>,
    ) -> Result<Report> {
        let (columns, start) = (&self.columns, Start::Zero);
        Ok(match self.posing.kind {
            MatrixKind::Dictionary => encode(solver, problem, columns, codes, start),
            MatrixKind::Gram => {
                encode_correlations(solver, problem, columns.as_ref(), codes, start)
            }
        }?)
    }

    /// Measures how far codes (n × P) are from the optimum, in f64.
    pub(crate) fn check(&self, problem: &Problem<T>, codes: MatRef<'_, T>) -> Result<CodesCheck> {
        self.posing.certify(problem, self.columns.as_ref(), codes)
    }
}
