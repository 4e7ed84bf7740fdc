//! A sparse coding problem in memory: its arrays, the codes that solve it, and how good codes are.

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

/// Whether the matrix of a problem is a dictionary or its Gram matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatrixKind {
    Dictionary,
    Gram,
}

/// A problem without its right-hand sides.
pub(crate) struct Posing<T> {
    pub(crate) kind: MatrixKind,
    /// m × n, or n × n.
    pub(crate) matrix: Mat<T>,
    pub(crate) penalty: ElasticNet<T>,
    /// For messages: where the matrix comes from.
    pub(crate) matrix_path: PathBuf,
}

/// The numbers of a problem.
pub(crate) struct ProblemArrays<T> {
    pub(crate) posing: Posing<T>,
    /// m × P, or n × P; one column after the other in memory.
    pub(crate) columns: Mat<T>,
}

/// How far codes are from optimal, measured in f64.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct CodesCheck {
    pub(crate) kkt: f64,
    /// None without signals, whose norm it is relative to.
    pub(crate) duality_gap: Option<f64>,
    /// The smallest margin of strict complementarity.
    pub(crate) margin: f64,
    /// Codes that are not zero.
    pub(crate) active: usize,
}

impl CodesCheck {
    /// That of no codes.
    pub(crate) fn none(kind: MatrixKind) -> Self {
        Self {
            kkt: 0.0,
            duality_gap: (kind == MatrixKind::Dictionary).then_some(0.0),
            margin: f64::INFINITY,
            active: 0,
        }
    }

    /// That of both.
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

/// The larger number; NaN if either is.
pub(crate) fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

impl<T: Scalar> Posing<T> {
    /// Number of atoms, n.
    pub(crate) fn atoms(&self) -> usize {
        self.matrix.ncols()
    }

    /// The problem.
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

    /// Codes of columns (m × P, or n × P) from zero, and measures of them.
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

    /// How far codes (n × P) of columns are from optimal, in f64.
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
    /// A random problem.
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

    /// Codes of all columns, from zero.
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

    /// How far codes (n × P) are from optimal, in f64.
    pub(crate) fn check(&self, problem: &Problem<T>, codes: MatRef<'_, T>) -> Result<CodesCheck> {
        self.posing.certify(problem, self.columns.as_ref(), codes)
    }
}
