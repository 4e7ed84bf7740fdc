//! The signals to learn from and the held-out ones.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, bail};
use faer::Mat;
use scn_data::format::npy::{Float, Numbers};
use scn_data::spread;
use scn_solvers::learn::{LearnError, check_signals};
use scn_solvers::{ColumnSource, Scalar};

use crate::arrays::axes;
use crate::column_input::{ColumnInput, ColumnsToRead};
use crate::patch_options::PatchSettings;
use crate::patches::Patches;

/// Signals in an open file, not read yet, and their shape m × P.
pub(super) struct SignalFile {
    columns: ColumnsToRead,
    pub(super) shape: [usize; 2],
}

impl SignalFile {
    /// Opens the matrix in a file or, with `patches`, the patches of its images.
    pub(super) fn open(path: &Path, patches: Option<PatchSettings>) -> Result<Self> {
        if let Some(patches) = patches {
            let patches = patches.open(path)?;
            let shape = patches.shape();
            let columns = ColumnsToRead::Patches(patches);
            return Ok(Self { columns, shape });
        }
        let numbers = Numbers::open(path)?;
        let shape = axes(path, &numbers, ["m", "P"])?;
        if shape.contains(&0) {
            bail!(
                "{}: expected signals [m, P], found shape {shape:?}",
                path.display()
            );
        }
        let columns = ColumnsToRead::Array(numbers);
        Ok(Self { columns, shape })
    }

    /// Whether `f32` cannot represent the signals exactly.
    pub(super) fn needs_f64(&self) -> bool {
        self.columns.needs_f64()
    }

    /// Reads the signals and holds out `held_out` of them.
    pub(super) fn read<T: Scalar + Float>(self, held_out: usize) -> Result<Signals<T>> {
        let [_, columns] = self.shape;
        // Always the same seed, so that runs with different seeds are measured on the same signals.
        let held_out = spread(columns, held_out, 0);
        let mut apart = vec![false; columns];
        held_out.iter().for_each(|&column| apart[column] = true);
        let learned = (0..columns).filter(|&column| !apart[column]).collect();
        let source = match self.columns.into_input(false)? {
            ColumnInput::Patches(patches) => Source::Patches(patches),
            input => Source::Matrix(input.read_all()?),
        };
        Ok(Signals {
            source,
            learned,
            held_out,
        })
    }
}

/// Signals in memory, split into those to learn from and those held out.
pub(super) struct Signals<T> {
    source: Source<T>,
    learned: Vec<usize>,
    held_out: Vec<usize>,
}

enum Source<T> {
    Matrix(Mat<T>),
    Patches(Patches<T>),
}

impl<T: Scalar + Float> Signals<T> {
    /// Returns the signals to learn from.
    pub(super) fn learned(&self) -> Chosen<'_, T> {
        self.chosen(&self.learned)
    }

    /// Returns the held-out signals, which are spread evenly over all, if there are any.
    pub(super) fn held_out(&self) -> Option<Chosen<'_, T>> {
        (!self.held_out.is_empty()).then(|| self.chosen(&self.held_out))
    }

    fn chosen<'a>(&'a self, columns: &'a [usize]) -> Chosen<'a, T> {
        let source = self.all();
        Chosen { source, columns }
    }

    /// Adds the file to an error of a learner. If a signal causes it, the error names the signal by
    /// its position in the file, whether it is learned from or held out.
    pub(super) fn in_file(&self, error: LearnError, path: &Path) -> anyhow::Error {
        let all = self.all();
        match check_signals(all, all.rows()) {
            Err(error) => anyhow::Error::new(error).context(path.display().to_string()),
            Ok(()) => error.into(),
        }
    }

    /// Returns all signals, in the order of the file.
    fn all(&self) -> &dyn ColumnSource<T> {
        match &self.source {
            Source::Matrix(matrix) => matrix,
            Source::Patches(patches) => patches,
        }
    }

    /// Returns the checksum of the numbers in the file, which verifies that learning resumes with
    /// the same signals.
    pub(super) fn checksum(&self) -> u32 {
        match &self.source {
            Source::Matrix(matrix) => checksum(matrix.col_iter().map(|column| column.iter())),
            Source::Patches(patches) => {
                checksum(patches.pictures().pixels().chunks(LINE).map(<[T]>::iter))
            }
        }
    }
}

/// Number of values added to a checksum at once.
const LINE: usize = 1024;

/// Returns the checksum of numbers as `f64`, in order. It does not depend on how they are split
/// into parts.
pub(super) fn checksum<'a, T: Scalar, I: Iterator<Item = &'a T>>(
    parts: impl Iterator<Item = I>,
) -> u32 {
    let mut bytes = Vec::new();
    parts.fold(0, |sum, part| {
        bytes.clear();
        bytes.extend(part.flat_map(|value| value.to_f64().to_le_bytes()));
        crc32c::crc32c_append(sum, &bytes)
    })
}

/// A selection of the signals.
pub(super) struct Chosen<'a, T> {
    source: &'a dyn ColumnSource<T>,
    columns: &'a [usize],
}

impl<T: Scalar> ColumnSource<T> for Chosen<'_, T> {
    fn rows(&self) -> usize {
        self.source.rows()
    }

    fn columns(&self) -> usize {
        self.columns.len()
    }

    fn pack(&self, columns: Range<usize>, out: &mut [T], stride: usize) {
        for (k, &column) in self.columns[columns].iter().enumerate() {
            self.source.pack(column..column + 1, &mut out[k..], stride);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns that are not adjacent are packed in the layout of the kernels.
    #[test]
    fn chosen_signals_are_those_named() {
        let matrix = Mat::<f32>::from_fn(2, 5, |i, k| (10 * i + k) as f32);
        let chosen = Chosen {
            source: &matrix,
            columns: &[4, 0, 3],
        };
        assert_eq!((chosen.rows(), chosen.columns()), (2, 3));
        let mut out = [-1.0; 8];
        chosen.pack(1..3, &mut out, 4);
        assert_eq!(out, [0.0, 3.0, -1.0, -1.0, 10.0, 13.0, -1.0, -1.0]);
    }
}
