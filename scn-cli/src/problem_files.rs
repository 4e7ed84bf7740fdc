//! Sparse coding problems in .npy files.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::Args;
use faer::{Mat, MatMut, MatRef};
use scn_solvers::testing::Workload;
use scn_solvers::{
    ElasticNet, Lambda1, Problem, Report, Scalar, Sign, Solver, Start, certify, encode,
    encode_correlations, kkt,
};

use crate::arrays::{Array, Values};

/// A dictionary and signals, or a Gram matrix and correlations, and the weights.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProblemFiles {
    /// Dictionary, .npy [m, n], one atom per column
    #[arg(long, value_name = "D.npy", requires = "signals", conflicts_with_all = ["gram", "correlations"])]
    dictionary: Option<PathBuf>,
    /// Signals, .npy [m, P], one per column
    #[arg(long, value_name = "X.npy", requires = "dictionary")]
    signals: Option<PathBuf>,
    /// Instead of a dictionary: its Gram matrix D'D, .npy [n, n]; lambda2 is added to the diagonal
    #[arg(long, value_name = "H.npy", requires = "correlations")]
    gram: Option<PathBuf>,
    /// Instead of signals: correlations D'x, .npy [n, P], one column per signal
    #[arg(long, value_name = "C.npy", requires = "gram")]
    correlations: Option<PathBuf>,
    /// Weight of the absolute values, >= 0: a number, or one per atom in a file .npy [n]
    #[arg(long, value_name = "NUMBER|L.npy", allow_negative_numbers = true)]
    pub(crate) lambda1: Option<Weight>,
    /// Weight of the squares, >= 0
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) lambda2: Option<f64>,
    /// Codes of any sign instead of a >= 0
    #[arg(long)]
    signed: bool,
}

/// λ1 as it is given.
#[derive(Debug, Clone)]
pub(crate) enum Weight {
    Number(f64),
    File(PathBuf),
}

impl FromStr for Weight {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(number) => Self::Number(number),
            Err(_) => Self::File(text.into()),
        })
    }
}

/// A problem in the precision of its files.
pub(crate) enum Given {
    F32(Numbers<f32>),
    F64(Numbers<f64>),
}

/// What the matrix of a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatrixKind {
    Dictionary,
    Gram,
}

/// The numbers of a problem.
pub(crate) struct Numbers<T> {
    pub(crate) kind: MatrixKind,
    /// m × n, or n × n.
    pub(crate) matrix: Mat<T>,
    /// m × P, or n × P; one column after the other in memory.
    pub(crate) columns: Mat<T>,
    pub(crate) penalty: ElasticNet<T>,
    matrix_path: PathBuf,
}

/// What a check of codes found, in f64.
pub(crate) struct Check {
    pub(crate) kkt: f64,
    /// None without signals, whose norm it is relative to.
    pub(crate) duality_gap: Option<f64>,
    pub(crate) active: f64,
}

impl ProblemFiles {
    /// Whether any file is named.
    pub(crate) fn named(&self) -> bool {
        self.dictionary.is_some() || self.gram.is_some()
    }

    /// Reads the files.
    pub(crate) fn read(&self) -> Result<Given> {
        let (kind, matrix_path, columns_path) = match (
            (&self.dictionary, &self.signals),
            (&self.gram, &self.correlations),
        ) {
            ((Some(matrix), Some(columns)), _) => (MatrixKind::Dictionary, matrix, columns),
            (_, (Some(matrix), Some(columns))) => (MatrixKind::Gram, matrix, columns),
            _ => bail!(
                "expected --dictionary and --signals, or --gram and --correlations, found neither"
            ),
        };
        let matrix = Array::read(matrix_path)?;
        let columns = Array::read(columns_path)?;
        let (row_names, column_names) = match kind {
            MatrixKind::Dictionary => (["m", "n"], ["m", "P"]),
            MatrixKind::Gram => (["n", "n"], ["n", "P"]),
        };
        let [rows, atoms] = matrix.axes(matrix_path, row_names)?;
        let [length, _] = columns.axes(columns_path, column_names)?;
        if length != rows {
            let what = match kind {
                MatrixKind::Dictionary => "signals",
                MatrixKind::Gram => "correlations",
            };
            bail!(
                "{}: expected {what} with {rows} rows, like {}, found {length}",
                columns_path.display(),
                matrix_path.display()
            );
        }
        match (&matrix.values, &columns.values) {
            (Values::F32(numbers), Values::F32(others)) => Ok(Given::F32(Numbers {
                kind,
                matrix: matrix_of(matrix_path, numbers, &matrix.shape)?,
                columns: matrix_of(columns_path, others, &columns.shape)?,
                penalty: self.penalty(atoms)?,
                matrix_path: matrix_path.clone(),
            })),
            (Values::F64(numbers), Values::F64(others)) => Ok(Given::F64(Numbers {
                kind,
                matrix: matrix_of(matrix_path, numbers, &matrix.shape)?,
                columns: matrix_of(columns_path, others, &columns.shape)?,
                penalty: self.penalty(atoms)?,
                matrix_path: matrix_path.clone(),
            })),
            _ => bail!(
                "expected numbers of the same type, f4 or f8, found others in {} and {}",
                matrix_path.display(),
                columns_path.display()
            ),
        }
    }

    /// The penalty; weights that are not given are zero.
    fn penalty<T: Scalar>(&self, atoms: usize) -> Result<ElasticNet<T>> {
        let lambda1 = match &self.lambda1 {
            None => Lambda1::Scalar(T::ZERO),
            Some(Weight::Number(number)) => Lambda1::Scalar(T::from_f64(*number)),
            Some(Weight::File(path)) => {
                let array = Array::read(path)?;
                let [found] = array.axes(path, ["n"])?;
                if found != atoms {
                    bail!(
                        "{}: expected lambda1 of {atoms} atoms, found {found} numbers",
                        path.display()
                    );
                }
                Lambda1::PerAtom(match array.values {
                    Values::F32(values) => values
                        .into_iter()
                        .map(|value| T::from_f64(value.into()))
                        .collect(),
                    Values::F64(values) => values.into_iter().map(T::from_f64).collect(),
                    Values::I64(_) => bail!(
                        "{}: expected floating point numbers, found integers",
                        path.display()
                    ),
                })
            }
        };
        Ok(ElasticNet {
            lambda1,
            lambda2: T::from_f64(self.lambda2.unwrap_or(0.0)),
            sign: if self.signed {
                Sign::Free
            } else {
                Sign::NonNegative
            },
        })
    }
}

/// Finite numbers in C order as a matrix, one column after the other.
fn matrix_of<T: Scalar>(path: &Path, values: &[T], shape: &[usize]) -> Result<Mat<T>> {
    let (rows, columns) = (shape[0], shape[1]);
    if let Some(at) = values.iter().position(|value| !value.finite()) {
        bail!(
            "{}: expected finite numbers, found {} at [{}, {}]",
            path.display(),
            values[at],
            at / columns,
            at % columns
        );
    }
    Ok(MatRef::from_row_major_slice(values, rows, columns).to_owned())
}

impl<T: Scalar> Numbers<T> {
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
    pub(crate) fn check(&self, problem: &Problem<T>, codes: MatRef<'_, T>) -> Result<Check> {
        if self.kind == MatrixKind::Dictionary {
            let certificate = certify(problem, &self.columns, codes)?;
            return Ok(Check {
                kkt: certificate.kkt,
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
        Ok(Check {
            kkt: worst,
            duality_gap: None,
            active: active as f64 / (codes.nrows() * codes.ncols()).max(1) as f64,
        })
    }
}
