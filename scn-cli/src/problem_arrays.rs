//! A sparse coding problem in memory: its arrays, the codes that solve it, and how good codes are.

use std::path::PathBuf;

use anyhow::{Context, Result};
use faer::{Mat, MatMut, MatRef};
use scn_solvers::synthetic::Workload;
use scn_solvers::{
    ElasticNet, Problem, Report, Scalar, Solver, Start, certify, encode, encode_correlations, kkt,
};

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

/// The numbers of a problem.
pub(crate) struct ProblemArrays<T> {
    pub(crate) kind: MatrixKind,
    /// m × n, or n × n.
    pub(crate) matrix: Mat<T>,
    /// m × P, or n × P; one column after the other in memory.
    pub(crate) columns: Mat<T>,
    pub(crate) penalty: ElasticNet<T>,
    /// For messages: where the matrix comes from.
    pub(crate) matrix_path: PathBuf,
}

/// How far codes are from optimal, measured in f64.
pub(crate) struct CodesCheck {
    pub(crate) kkt: f64,
    /// None without signals, whose norm it is relative to.
    pub(crate) duality_gap: Option<f64>,
    pub(crate) active: f64,
}

impl<T: Scalar> ProblemArrays<T> {
    /// A random problem.
    pub(crate) fn random(workload: Workload<T>) -> Self {
        Self {
            kind: MatrixKind::Dictionary,
            matrix: workload.dictionary,
            columns: workload.signals,
            penalty: ElasticNet::nonnegative(workload.lambda1, workload.lambda2),
            matrix_path: "a random dictionary".into(),
        }
    }

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

    /// Codes from zero.
    pub(crate) fn encode(
        &self,
        solver: &dyn Solver<T>,
        problem: &Problem<T>,
        codes: MatMut<'_, T>,
    ) -> Result<Report> {
        Ok(match self.kind {
            MatrixKind::Dictionary => encode(solver, problem, &self.columns, codes, Start::Zero),
            MatrixKind::Gram => {
                encode_correlations(solver, problem, self.columns.as_ref(), codes, Start::Zero)
            }
        }?)
    }

    /// How far codes (n × P) are from optimal.
    pub(crate) fn check(&self, problem: &Problem<T>, codes: MatRef<'_, T>) -> Result<CodesCheck> {
        if self.kind == MatrixKind::Dictionary {
            let certificate = certify(problem, &self.columns, codes)?;
            return Ok(CodesCheck {
                kkt: certificate.residual,
                duality_gap: Some(certificate.duality_gap),
                active: certificate.active,
            });
        }
        let mut worst = 0.0_f64;
        let mut active = 0;
        for (correlations, code) in self.columns.col_iter().zip(codes.col_iter()) {
            let correlations: Vec<T> = correlations.iter().copied().collect();
            let code: Vec<T> = code.iter().copied().collect();
            let residual = kkt::residual(problem, &correlations, &code);
            // Written so that a NaN stays.
            if !(residual <= worst) && !worst.is_nan() {
                worst = residual;
            }
            active += code.iter().filter(|&&a| a != T::ZERO).count();
        }
        Ok(CodesCheck {
            kkt: worst,
            duality_gap: None,
            active: active as f64 / (codes.nrows() * codes.ncols()).max(1) as f64,
        })
    }
}
