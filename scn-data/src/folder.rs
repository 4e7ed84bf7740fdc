//! The folder of a data set, as unpacked from its official archive.

use crate::dataset_name::DatasetName;
use crate::error::FileError;
use crate::files::{open_regular, read_regular};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The folder of a data set.
#[derive(Debug)]
pub(crate) struct Folder {
    dataset: DatasetName,
    path: PathBuf,
}

impl Folder {
    /// The folder of `dataset` in the data folder `data`.
    pub(crate) fn new(dataset: DatasetName, data: &Path) -> Self {
        Self {
            dataset,
            path: data.join(dataset.folder().unwrap_or_default()),
        }
    }

    /// Opens the file `name`, for files too large to be read at once. Returns its path too.
    pub(crate) fn open(&self, name: &str) -> Result<(PathBuf, File), FileError> {
        let file = self.path.join(name);
        match open_regular(&file) {
            Ok(reader) => Ok((file, reader)),
            Err(error) if is_absent(&error) => Err(self.missing(name)),
            Err(source) => Err(FileError::Unreadable { file, source }),
        }
    }

    /// Reads the first of `names` that exists. Returns its path and bytes.
    pub(crate) fn read(&self, names: &[&str]) -> Result<(PathBuf, Vec<u8>), FileError> {
        for name in names {
            if let Some(found) = self.read_if_there(name)? {
                return Ok(found);
            }
        }
        Err(self.missing(names.first().copied().unwrap_or_default()))
    }

    /// Reads a file that may not exist. Returns its path and bytes.
    pub(crate) fn read_if_there(
        &self,
        name: &str,
    ) -> Result<Option<(PathBuf, Vec<u8>)>, FileError> {
        let file = self.path.join(name);
        match read_regular(&file) {
            Ok(bytes) => Ok(Some((file, bytes))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(FileError::Unreadable { file, source }),
        }
    }

    /// The error for a missing file `name`.
    fn missing(&self, name: &str) -> FileError {
        FileError::Missing {
            file: self.path.join(name),
            dataset: self.dataset,
            folder: self.path.clone(),
        }
    }
}

/// Whether a file cannot be read because it does not exist.
fn is_absent(error: &std::io::Error) -> bool {
    // NotADirectory: if `mnist` is a file, the files in the folder `mnist` do not exist.
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
