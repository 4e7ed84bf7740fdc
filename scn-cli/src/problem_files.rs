//! Sparse coding problems in .npy files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::Args;
use faer::{Mat, MatMut, MatRef};
use scn_data::format::npy::{Float, Numbers as ArrayFile};
use scn_data::{bytes_of, check_memory};
use scn_solvers::synthetic::Workload;
use scn_solvers::{
    ElasticNet, Lambda1, Problem, Report, Scalar, Sign, Solver, Start, certify, encode,
    encode_correlations, kkt,
};

use crate::arrays::{axes, columns};
use crate::number;

/// A dictionary and signals, or a Gram matrix and correlations, and the weights.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProblemFiles {
    /// Dictionary, .npy [m, n], one atom per column
    #[arg(long, value_name = "D.npy", requires = "signals", conflicts_with_all = ["gram", "correlations"])]
    dictionary: Option<PathBuf>,
    /// Signals, .npy [m, P], one per column; [m] is one signal
    #[arg(long, value_name = "X.npy", requires = "dictionary")]
    signals: Option<PathBuf>,
    /// Instead of a dictionary: its Gram matrix D'D, .npy [n, n]; lambda2 is added to the diagonal
    #[arg(long, value_name = "H.npy", requires = "correlations")]
    gram: Option<PathBuf>,
    /// Instead of signals: correlations D'x, .npy [n, P], one column per signal; [n] is one column
    #[arg(long, value_name = "C.npy", requires = "gram")]
    correlations: Option<PathBuf>,
    /// Weight of the absolute values, >= 0: a number, or one per atom in a file .npy [n]
    #[arg(long, value_name = "NUMBER|L.npy", allow_negative_numbers = true)]
    pub(crate) lambda1: Option<Weight>,
    /// Weight of the squares, >= 0
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::parse::<f64>)]
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
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = Path::new(text);
        let is_array = |extension: &std::ffi::OsStr| extension.eq_ignore_ascii_case("npy");
        match number::parse(text) {
            Ok(number) => Ok(Self::Number(number)),
            // A number that is mistyped is no file, unless there is one of that name.
            Err(_) if path.extension().is_some_and(is_array) || path.exists() => {
                Ok(Self::File(text.into()))
            }
            Err(expected) => Err(format!("{expected}, or a file .npy [n]")),
        }
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
        let matrix = ArrayFile::open(matrix_path)?;
        let others = ArrayFile::open(columns_path)?;
        let (row_names, column_names) = match kind {
            MatrixKind::Dictionary => (["m", "n"], ["m", "P"]),
            MatrixKind::Gram => (["n", "n"], ["n", "P"]),
        };
        let [rows, atoms] = axes(matrix_path, &matrix, row_names)?;
        let [length, signals] = columns(columns_path, &others, column_names)?;
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
        let wide = matrix.kind().needs_f64() || others.kind().needs_f64();
        let files = [
            (matrix_path, matrix, [rows, atoms]),
            (columns_path, others, [length, signals]),
        ];
        Ok(match wide {
            false => Given::F32(self.numbers(kind, files)?),
            true => Given::F64(self.numbers(kind, files)?),
        })
    }

    /// The numbers of matrix and columns, and the penalty.
    fn numbers<T: Scalar + Float>(
        &self,
        kind: MatrixKind,
        files: [(&PathBuf, ArrayFile<File>, [usize; 2]); 2],
    ) -> Result<Numbers<T>> {
        let [
            (matrix_path, matrix, shape),
            (columns_path, columns, columns_shape),
        ] = files;
        let [_, atoms] = shape;
        let [_, signals] = columns_shape;
        // The codes come later: what cannot be done is said before anything is.
        check_memory("the codes", bytes_of::<T>(&[atoms, signals]))?;
        check_memory("the Gram matrix", bytes_of::<T>(&[atoms, atoms]))?;
        Ok(Numbers {
            kind,
            penalty: self.penalty(atoms)?,
            matrix: matrix_of(matrix_path, matrix, shape)?,
            columns: matrix_of(columns_path, columns, columns_shape)?,
            matrix_path: matrix_path.clone(),
        })
    }

    /// The penalty; weights that are not given are zero.
    fn penalty<T: Scalar>(&self, atoms: usize) -> Result<ElasticNet<T>> {
        let lambda1 = match &self.lambda1 {
            None => Lambda1::Scalar(T::ZERO),
            Some(Weight::Number(number)) => Lambda1::Scalar(T::from_f64(*number)),
            Some(Weight::File(path)) => {
                let array = ArrayFile::open(path)?;
                let [found] = axes(path, &array, ["n"])?;
                if found != atoms {
                    bail!(
                        "{}: expected lambda1 of {atoms} atoms, found {found} numbers",
                        path.display()
                    );
                }
                let weights = array.read::<f64>()?;
                Lambda1::PerAtom(weights.into_iter().map(T::from_f64).collect())
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

/// Finite numbers of a file as a matrix, one column after the other.
fn matrix_of<T: Scalar + Float>(
    path: &Path,
    numbers: ArrayFile<File>,
    [rows, columns]: [usize; 2],
) -> Result<Mat<T>> {
    let values = numbers.read::<T>()?;
    if let Some(at) = values.iter().position(|value| !value.finite()) {
        bail!(
            "{}: expected finite numbers, found {} at [{}, {}]",
            path.display(),
            values[at],
            at / columns,
            at % columns
        );
    }
    let room = format!("the matrix of {}", path.display());
    check_memory(&room, bytes_of::<T>(&[rows, columns]))?;
    Ok(MatRef::from_row_major_slice(&values, rows, columns).to_owned())
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
        Ok(Check {
            kkt: worst,
            duality_gap: None,
            active: active as f64 / (codes.nrows() * codes.ncols()).max(1) as f64,
        })
    }
}
