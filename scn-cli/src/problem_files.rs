//! Sparse coding problems in .npy files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Args;
use scn_data::format::npy::{Float, Numbers};
use scn_data::{bytes_of, check_memory};
use scn_solvers::processes::{Processes, expect_same};
use scn_solvers::{ElasticNet, Lambda1, Scalar, Sign};

use crate::arrays::{axes, columns};
use crate::column_input::{ColumnInput, ColumnsToRead};
use crate::number;
use crate::patch_options::PatchSettings;
use crate::problem_arrays::{AnyProblem, MatrixKind, Posing, ProblemArrays};
use crate::samples::Samples;

/// The files of a dictionary and signals, or of a Gram matrix and correlations, and the penalties.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProblemFiles {
    /// Dictionary, .npy [m, n], one atom per column
    #[arg(long, value_name = "D.npy", requires = "signals", conflicts_with_all = ["gram", "correlations"])]
    dictionary: Option<PathBuf>,
    /// Signals, .npy [m, P], one per column; [m] is a single signal. Any of these files can also be
    /// an .npz of one array
    #[arg(long, value_name = "X.npy", requires = "dictionary")]
    signals: Option<PathBuf>,
    /// Gram matrix D'D instead of a dictionary, .npy [n, n]; lambda2 is added to the diagonal
    #[arg(long, value_name = "H.npy", requires = "correlations")]
    gram: Option<PathBuf>,
    /// Correlations D'x instead of signals, .npy [n, P], one column per signal; [n] is a single
    /// column
    #[arg(long, value_name = "C.npy", requires = "gram")]
    correlations: Option<PathBuf>,
    /// Penalty on the absolute values of the codes, >= 0: a number, or a file .npy [n] with one per
    /// atom
    #[arg(long, value_name = "NUMBER|L.npy", allow_negative_numbers = true)]
    pub(crate) lambda1: Option<Lambda1Argument>,
    /// Penalty on the squares of the codes, >= 0 [default: 0]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, value_parser = number::parse::<f64>)]
    pub(crate) lambda2: Option<f64>,
    /// Allows codes of any sign, instead of a >= 0
    #[arg(long)]
    signed: bool,
}

/// λ1 as given in an argument.
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
            // This may be a mistyped number. It is a file only if it is named like one or exists.
            Err(_) if path.extension().is_some_and(is_array) || path.exists() => {
                Ok(Self::File(text.into()))
            }
            Err(expected) => Err(format!("{expected}, or a file .npy [n]")),
        }
    }
}

impl ProblemFiles {
    /// Whether a dictionary or a Gram matrix is given.
    pub(crate) fn named(&self) -> bool {
        self.dictionary.is_some() || self.gram.is_some()
    }

    /// Returns the given files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        let lambda1 = match &self.lambda1 {
            Some(Lambda1Argument::File(path)) => Some(path),
            _ => None,
        };
        let columns = self.signals.iter().chain(&self.correlations);
        let matrix = self.dictionary.iter().chain(&self.gram);
        columns.chain(matrix).chain(lambda1).map(PathBuf::as_path)
    }

    /// Reads all files.
    pub(crate) fn read(&self) -> Result<AnyProblem> {
        Ok(match self.open(Samples::InColumns, None)? {
            AnyProblemFile::F32(file) => AnyProblem::F32(file.read()?),
            AnyProblemFile::F64(file) => AnyProblem::F64(file.read()?),
        })
    }

    /// Reads all files except the columns, which can be many. With `patches`, the columns are
    /// patches of images.
    pub(crate) fn open(
        &self,
        samples: Samples,
        patches: Option<PatchSettings>,
    ) -> Result<AnyProblemFile> {
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
        if let Some(patches) = patches {
            let patches = patches.open(columns_path)?;
            let [rows, atoms] = axes(matrix_path, &matrix, ["m", "n"])?;
            patches.expect_entries(rows, matrix_path, atoms)?;
            let columns = ColumnsToRead::Patches(patches);
            return self.any_problem_file(kind, (matrix_path, matrix), columns, false);
        }
        let others = Numbers::open(columns_path)?;
        let (row_names, side) = match kind {
            MatrixKind::Dictionary => (["m", "n"], "m"),
            MatrixKind::Gram => (["n", "n"], "n"),
        };
        let [rows, atoms] = axes(matrix_path, &matrix, row_names)?;
        let (length, count) = match samples {
            Samples::InColumns => columns(columns_path, &others, [side, "P"])?.into(),
            Samples::InRows => match *others.shape() {
                [length] => (length, 1),
                _ => {
                    let [count, length] = columns(columns_path, &others, ["P", side])?;
                    (length, count)
                }
            },
        };
        if length != rows {
            let what = match kind {
                MatrixKind::Dictionary => "signals",
                MatrixKind::Gram => "correlations",
            };
            let hint = match (samples, kind) {
                (Samples::InColumns, _) if count == rows => "; if each row is a signal, add --rows",
                (Samples::InRows, _) if count == rows => {
                    "; if each column is a signal, omit --rows"
                }
                (_, MatrixKind::Dictionary) if length == atoms => {
                    "; a dictionary has one atom per column: is it transposed?"
                }
                _ => "",
            };
            let side = match samples {
                Samples::InColumns => "rows",
                Samples::InRows => "columns",
            };
            bail!(
                "{}: expected {what} with {rows} {side}, to match {} of {rows} x {atoms}, found {length}{hint}",
                columns_path.display(),
                matrix_path.display()
            );
        }
        let columns = ColumnsToRead::Array(others);
        let turned = samples == Samples::InRows;
        self.any_problem_file(kind, (matrix_path, matrix), columns, turned)
    }

    /// Reads the problem in the narrowest type that represents all numbers.
    fn any_problem_file(
        &self,
        kind: MatrixKind,
        matrix: (&PathBuf, Numbers<File>),
        columns: ColumnsToRead,
        turned: bool,
    ) -> Result<AnyProblemFile> {
        Ok(match matrix.1.kind().needs_f64() || columns.needs_f64() {
            false => AnyProblemFile::F32(self.problem_file(kind, matrix, columns, turned)?),
            true => AnyProblemFile::F64(self.problem_file(kind, matrix, columns, turned)?),
        })
    }

    /// Reads the matrix, and opens the columns.
    fn problem_file<T: Scalar + Float>(
        &self,
        kind: MatrixKind,
        (matrix_path, matrix): (&PathBuf, Numbers<File>),
        columns: ColumnsToRead,
        turned: bool,
    ) -> Result<ProblemFile<T>> {
        let matrix = ColumnInput::File(matrix.into_columns::<T>(false)?);
        let atoms = matrix.columns();
        // Fail before anything is read if the Gram matrix does not fit in memory.
        check_memory("the Gram matrix", bytes_of::<T>(&[atoms, atoms]))?;
        Ok(ProblemFile {
            posing: Posing {
                kind,
                penalty: self.penalty(atoms)?,
                matrix: matrix.read_all()?,
                matrix_path: matrix_path.clone(),
            },
            columns: columns.into_input(turned)?,
        })
    }

    /// Returns the penalty. Options that are not given are zero.
    fn penalty<T: Scalar>(&self, atoms: usize) -> Result<ElasticNet<T>> {
        let lambda1 = match &self.lambda1 {
            None => Lambda1::Scalar(T::ZERO),
            Some(Lambda1Argument::Number(number)) => Lambda1::Scalar(T::from_f64(*number)),
            Some(Lambda1Argument::File(path)) => {
                let array = Numbers::open(path)?;
                let [found] = axes(path, &array, ["n"])?;
                if found != atoms {
                    bail!(
                        "{}: expected lambda1 for {atoms} atoms, found {found} numbers",
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

/// A problem in the precision of its files, whose columns have not been read yet.
pub(crate) enum AnyProblemFile {
    F32(ProblemFile<f32>),
    F64(ProblemFile<f64>),
}

/// A problem whose columns have not been read yet.
pub(crate) struct ProblemFile<T> {
    pub(crate) posing: Posing<T>,
    pub(crate) columns: ColumnInput<T>,
}

impl<T: Scalar + Float> ProblemFile<T> {
    /// Returns an error unless all processes have the same matrix, penalty and number of columns.
    ///
    /// The columns themselves are not compared, because each process reads its own.
    pub(crate) fn expect_same(&self, processes: &dyn Processes) -> Result<()> {
        let Posing {
            matrix, penalty, ..
        } = &self.posing;
        let numbers = matrix
            .col_iter()
            .flat_map(|column| column.iter())
            .fold(0, |sum, value| {
                crc32c::crc32c_append(sum, bytemuck::bytes_of(value))
            });
        let found = format!("{:?} {numbers} {penalty:?}", matrix.shape());
        expect_same(processes, "dictionaries or penalties", found.as_bytes())?;
        let columns = self.columns.columns().to_string();
        expect_same(processes, "numbers of signals", columns.as_bytes())?;
        Ok(())
    }

    /// Reads the columns.
    fn read(self) -> Result<ProblemArrays<T>> {
        let (atoms, signals) = (self.posing.atoms(), self.columns.columns());
        // Also count the codes, which are allocated later.
        check_memory("the codes", bytes_of::<T>(&[atoms, signals]))?;
        Ok(ProblemArrays {
            posing: self.posing,
            columns: self.columns.read_all()?,
        })
    }
}
