//! Sparse coding problems in .npy files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Args;
use faer::{Mat, MatRef};
use scn_data::format::npy::{Float, Numbers};
use scn_data::{bytes_of, check_memory};
use scn_solvers::{ElasticNet, Lambda1, Scalar, Sign};

use crate::arrays::{axes, columns};
use crate::number;
use crate::problem_arrays::{AnyProblem, MatrixKind, ProblemArrays};

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
    /// Lambda1Argument of the absolute values, >= 0: a number, or one per atom in a file .npy [n]
    #[arg(long, value_name = "NUMBER|L.npy", allow_negative_numbers = true)]
    pub(crate) lambda1: Option<Lambda1Argument>,
    /// Lambda1Argument of the squares, >= 0
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::parse::<f64>)]
    pub(crate) lambda2: Option<f64>,
    /// Codes of any sign instead of a >= 0
    #[arg(long)]
    signed: bool,
}

/// λ1 as an argument gives it.
#[derive(Debug, Clone)]
pub(crate) enum Lambda1Argument {
    Number(f64),
    File(PathBuf),
}

impl FromStr for Lambda1Argument {
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

impl ProblemFiles {
    /// Whether any file is named.
    pub(crate) fn named(&self) -> bool {
        self.dictionary.is_some() || self.gram.is_some()
    }

    /// Reads the files.
    pub(crate) fn read(&self) -> Result<AnyProblem> {
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
        let matrix = Numbers::open(matrix_path)?;
        let others = Numbers::open(columns_path)?;
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
            false => AnyProblem::F32(self.arrays(kind, files)?),
            true => AnyProblem::F64(self.arrays(kind, files)?),
        })
    }

    /// The arrays of matrix and columns, and the penalty.
    fn arrays<T: Scalar + Float>(
        &self,
        kind: MatrixKind,
        files: [(&PathBuf, Numbers<File>, [usize; 2]); 2],
    ) -> Result<ProblemArrays<T>> {
        let [
            (matrix_path, matrix, shape),
            (columns_path, columns, columns_shape),
        ] = files;
        let [_, atoms] = shape;
        let [_, signals] = columns_shape;
        // The codes come later: what cannot be done is said before anything is.
        check_memory("the codes", bytes_of::<T>(&[atoms, signals]))?;
        check_memory("the Gram matrix", bytes_of::<T>(&[atoms, atoms]))?;
        Ok(ProblemArrays {
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
            Some(Lambda1Argument::Number(number)) => Lambda1::Scalar(T::from_f64(*number)),
            Some(Lambda1Argument::File(path)) => {
                let array = Numbers::open(path)?;
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
    numbers: Numbers<File>,
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
