//! Columns from any source, read block by block.

use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::Result;
use faer::{Mat, MatRef};
use scn_data::format::npy::{ColumnFile, Float, Numbers};
use scn_data::{bytes_of, check_memory};
use scn_solvers::{ColumnSource, Scalar};

use crate::patches::{PatchFile, Patches};
use crate::sparse_columns::SparseColumns;

/// Columns of known shape and type, whose numbers have not been read yet.
pub(crate) enum ColumnsToRead {
    Array(Numbers<File>),
    Patches(PatchFile),
}

impl ColumnsToRead {
    /// Whether `f32` cannot represent the numbers exactly.
    pub(crate) fn needs_f64(&self) -> bool {
        match self {
            Self::Array(numbers) => numbers.kind().needs_f64(),
            Self::Patches(patches) => patches.needs_f64(),
        }
    }

    /// Opens the columns for reading. If `turned`, the rows of an array are the columns.
    pub(crate) fn into_input<T: Scalar + Float>(self, turned: bool) -> Result<ColumnInput<T>> {
        Ok(match self {
            Self::Array(numbers) => ColumnInput::File(numbers.into_columns(turned)?),
            Self::Patches(patches) => ColumnInput::Patches(patches.read()?),
        })
    }
}

/// Columns that are read a few at a time.
pub(crate) enum ColumnInput<T> {
    File(ColumnFile<T>),
    Patches(Patches<T>),
    Sparse(SparseColumns),
}

impl<T: Scalar + Float> ColumnInput<T> {
    /// Returns the length of a column.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::File(file) => file.rows(),
            Self::Patches(patches) => patches.rows(),
            Self::Sparse(file) => file.rows(),
        }
    }

    /// Returns the number of columns.
    pub(crate) fn columns(&self) -> usize {
        match self {
            Self::File(file) => file.columns(),
            Self::Patches(patches) => patches.columns(),
            Self::Sparse(file) => file.columns(),
        }
    }

    /// Whether each column is contiguous.
    pub(crate) fn in_one_piece(&self) -> bool {
        match self {
            Self::File(file) => file.in_one_piece(),
            Self::Patches(_) | Self::Sparse(_) => true,
        }
    }

    /// Reads columns consecutively into `out`, whose length must be that of all of them together.
    pub(crate) fn read(&mut self, columns: Range<usize>, out: &mut [T]) -> Result<()> {
        match self {
            Self::File(file) => file.read(columns, out)?,
            Self::Patches(patches) => patches.read(columns, out),
            Self::Sparse(file) => file.read(columns, out)?,
        }
        Ok(())
    }

    /// Returns the file of the columns, for messages.
    fn path(&self) -> PathBuf {
        match self {
            Self::File(file) => file.file().to_owned(),
            Self::Patches(patches) => patches.path().to_owned(),
            Self::Sparse(file) => file.path().to_owned(),
        }
    }

    /// Reads all columns into a column-major matrix.
    pub(crate) fn read_all(mut self) -> Result<Mat<T>> {
        let (rows, columns) = (self.rows(), self.columns());
        let room = format!("the matrix of {}", self.path().display());
        check_memory(&room, bytes_of::<T>(&[2, rows, columns]))?;
        let mut numbers = vec![T::ZERO; rows * columns];
        self.read(0..columns, &mut numbers)?;
        Ok(MatRef::from_column_major_slice(&numbers, rows, columns).to_owned())
    }
}
