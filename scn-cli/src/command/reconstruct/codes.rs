//! The codes that images are reconstructed from.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use scn_data::format::npy::{Float, Numbers};
use scn_solvers::Scalar;

use crate::arrays;
use crate::column_input::ColumnInput;
use crate::sparse_columns::SparseColumns;

/// Codes in an open file, not read yet.
pub(super) enum Codes {
    Array(Numbers<File>, [usize; 2]),
    Sparse(SparseColumns),
}

impl Codes {
    pub(super) fn open(path: &Path) -> Result<Self> {
        if let Some(sparse) = SparseColumns::open(path)? {
            return Ok(Self::Sparse(sparse));
        }
        let numbers = Numbers::open(path)?;
        let shape = arrays::columns(path, &numbers, ["n", "P"])?;
        Ok(Self::Array(numbers, shape))
    }

    /// Returns the numbers of atoms and columns.
    pub(super) fn shape(&self) -> [usize; 2] {
        match self {
            Self::Array(_, shape) => *shape,
            Self::Sparse(codes) => [codes.rows(), codes.columns()],
        }
    }

    /// Whether `f32` cannot represent the codes exactly.
    pub(super) fn needs_f64(&self) -> bool {
        match self {
            Self::Array(numbers, _) => numbers.kind().needs_f64(),
            Self::Sparse(codes) => codes.needs_f64(),
        }
    }

    /// Returns the codes as columns to read.
    pub(super) fn into_input<T: Scalar + Float>(self) -> Result<ColumnInput<T>> {
        Ok(match self {
            Self::Array(numbers, _) => ColumnInput::File(numbers.into_columns(false)?),
            Self::Sparse(codes) => ColumnInput::Sparse(codes),
        })
    }
}
