//! Codes in a file, written as they come.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use scn_data::bytes_of;
use scn_data::format::npy::Float;

use crate::samples::Samples;
use crate::sparse_codes::SparseCodes;
use crate::watched_file::WatchedFile;

/// In what form codes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodesForm {
    pub(crate) samples: Samples,
    /// An archive .npz of those that are not zero, instead of an array .npy.
    pub(crate) sparse: bool,
}

/// Codes, n × P, of which whole columns come. The file is there when it is [finished](Self::finish), and not before.
pub(crate) struct CodesFile<T> {
    path: PathBuf,
    file: WatchedFile,
    samples: Samples,
    /// None for an array of all codes.
    sparse: Option<SparseCodes>,
    /// Bytes before the numbers of an array.
    start: u64,
    atoms: usize,
    columns: usize,
    by_column: bool,
    bytes: Vec<u8>,
    numbers: std::marker::PhantomData<T>,
}

impl<T: Float> CodesFile<T> {
    /// A file for so many atoms and columns, with each column in one piece, or each row.
    pub(crate) fn create(
        path: &Path,
        [atoms, columns]: [usize; 2],
        CodesForm { samples, sparse }: CodesForm,
        by_column: bool,
    ) -> Result<Self> {
        let by_column = by_column || sparse;
        let (shape, in_order) = match samples {
            Samples::InColumns => ([atoms, columns], !by_column),
            Samples::InRows => ([columns, atoms], by_column),
        };
        let mut head = T::KIND.head(&shape, !in_order);
        let numbers = bytes_of::<T>(&shape);
        let mut length = numbers.saturating_add(head.len() as u64);
        if sparse {
            (head, length) = (Vec::new(), 0);
        }
        let create = || {
            let mut file = WatchedFile::create(path, length)?;
            file.write_at(&head, 0)?;
            let sparse = sparse.then(|| SparseCodes::new(&file.folder()));
            std::io::Result::Ok((file, sparse.transpose()?))
        };
        let (file, sparse) = create().with_context(|| cannot_write(path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            samples,
            sparse,
            start: head.len() as u64,
            atoms,
            columns,
            by_column,
            bytes: Vec::new(),
            numbers: std::marker::PhantomData,
        })
    }

    /// Entries of a code.
    pub(crate) fn atoms(&self) -> usize {
        self.atoms
    }

    /// Whether codes come one after the other, or rows of them.
    pub(crate) fn by_column(&self) -> bool {
        self.by_column
    }

    /// Writes the codes of columns, of which this is the first.
    pub(crate) fn write(&mut self, first: usize, codes: &[T]) -> Result<()> {
        if let Some(sparse) = &mut self.sparse {
            for code in codes.chunks(self.atoms) {
                sparse
                    .push(code)
                    .with_context(|| cannot_write(&self.path))?;
            }
            return Ok(());
        }
        let pieces = match self.by_column {
            true => 1,
            false => self.atoms,
        };
        for (row, piece) in codes
            .chunks(codes.len().div_ceil(pieces).max(1))
            .enumerate()
        {
            let place = match self.by_column {
                true => first * self.atoms,
                false => row * self.columns + first,
            };
            self.bytes.clear();
            T::append(piece, &mut self.bytes);
            let place = self.start + (place * size_of::<T>()) as u64;
            self.file
                .write_at(&self.bytes, place)
                .with_context(|| cannot_write(&self.path))?;
        }
        Ok(())
    }

    /// Moves the file to its place.
    pub(crate) fn finish(mut self) -> Result<()> {
        let shape = [self.atoms, self.columns];
        let packed = match self.sparse {
            Some(sparse) => sparse.finish::<T>(&mut self.file, shape, self.samples),
            None => Ok(()),
        };
        packed
            .and_then(|()| self.file.finish())
            .with_context(|| cannot_write(&self.path))
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
