//! A file of codes, written incrementally by one or several processes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use scn_data::PlacedFile;
use scn_data::bytes_of;
use scn_data::format::npy::Float;
use scn_solvers::processes::{Processes, any, from_each, from_first};

use crate::samples::Samples;
use crate::sparse_codes::SparseCodes;
use crate::watched_file::WatchedFile;

/// The form in which codes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodesForm {
    pub(crate) samples: Samples,
    /// Whether to write an .npz archive of the nonzero entries, instead of an .npy array.
    pub(crate) sparse: bool,
}

/// A file of codes (n × P), written in whole columns.
///
/// The columns of each process are contiguous. The file appears under its name only when it is
/// [finished](Self::finish).
pub(crate) struct CodesFile<T> {
    path: PathBuf,
    /// All processes write to the file of the first one. If sparse, each has its own file.
    file: WatchedFile,
    samples: Samples,
    /// None for a dense array.
    sparse: Option<SparseCodes>,
    /// Number of bytes before the numbers of an array.
    start: u64,
    atoms: usize,
    columns: usize,
    by_column: bool,
    bytes: Vec<u8>,
    numbers: std::marker::PhantomData<T>,
}

impl<T: Float> CodesFile<T> {
    /// Creates a file for this number of atoms and columns.
    ///
    /// Codes are passed to [`write`](Self::write) in contiguous columns if `by_column`, otherwise
    /// in contiguous rows. All processes must call this.
    pub(crate) fn create(
        path: &Path,
        [atoms, columns]: [usize; 2],
        CodesForm { samples, sparse }: CodesForm,
        by_column: bool,
        processes: &dyn Processes,
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
        let failed = || cannot_write(path);
        let file = match sparse || processes.rank() == 0 {
            true => {
                let mut file = WatchedFile::create(path, length).with_context(failed)?;
                file.write_at(&head, 0).with_context(failed)?;
                let name = name(&file, path, processes)?;
                from_first(processes, name.as_encoded_bytes())?;
                file
            }
            false => {
                let name = from_first(processes, &[])?;
                WatchedFile::join(path, &os_string(name)).with_context(failed)?
            }
        };
        let sparse = sparse.then(|| SparseCodes::new(&file.folder()));
        let sparse = sparse.transpose().with_context(failed)?;
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

    /// Returns the number of entries of a code.
    pub(crate) fn atoms(&self) -> usize {
        self.atoms
    }

    /// Whether [`write`](Self::write) takes contiguous columns, not rows.
    pub(crate) fn by_column(&self) -> bool {
        self.by_column
    }

    /// Writes the codes of columns from `first` on.
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

    /// Completes the file and moves it into place, after all processes have written their codes.
    pub(crate) fn finish(mut self, processes: &dyn Processes) -> Result<()> {
        let failed = || cannot_write(&self.path);
        let own = name(&self.file, &self.path, processes)?;
        if processes.rank() > 0 {
            let written = match self.sparse.take() {
                Some(sparse) => sparse.write_part(self.file.file()),
                None => Ok(()),
            };
            let on_disk = written.and_then(|()| self.file.file().sync_all());
            on_disk.with_context(failed)?;
            from_each(processes, own.as_encoded_bytes())?;
            // Keep the part until the first process has read it.
            any(processes, false)?;
            return Ok(());
        }
        let parts = from_each(processes, &[])?.into_iter().skip(1);
        let shape = [self.atoms, self.columns];
        let path = &self.path;
        let whole = || -> std::io::Result<()> {
            if let Some(mut sparse) = self.sparse {
                for part in parts {
                    sparse.append(PlacedFile::join(path, &os_string(part))?.file())?;
                }
                sparse.finish::<T>(&mut self.file, shape, self.samples)?;
            }
            self.file.finish()
        };
        whole().with_context(failed)?;
        any(processes, false)?;
        Ok(())
    }
}

/// Returns the name of the file that is being written, for other processes.
fn name(file: &WatchedFile, path: &Path, processes: &dyn Processes) -> Result<OsString> {
    match file.unfinished().and_then(Path::file_name) {
        Some(name) => Ok(name.to_owned()),
        // This process joined the file of the first one, or it is the only process.
        None if processes.rank() > 0 || processes.count() == 1 => Ok(OsString::new()),
        None => bail!(
            "{}: expected a regular file, which several processes can write to, found something else",
            path.display()
        ),
    }
}

/// Converts the name of a file that is being written, which is ASCII.
fn os_string(name: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&name).into_owned().into()
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
