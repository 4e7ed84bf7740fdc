//! The folder of one data set, as its official archive unpacks.

use crate::dataset_name::DatasetName;
use crate::error::FileError;
use crate::files::{open_regular, read_regular};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The folder of one data set.
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

    /// Path and open file of `name`, for what is too large to be read at once.
    pub(crate) fn open(&self, name: &str) -> Result<(PathBuf, File), FileError> {
        let file = self.path.join(name);
        match open_regular(&file) {
            Ok(reader) => Ok((file, reader)),
            Err(error) if is_absent(&error) => Err(self.missing(name)),
            Err(source) => Err(FileError::Unreadable { file, source }),
        }
    }

    /// Path and bytes of the first of `names` that is there.
    pub(crate) fn read(&self, names: &[&str]) -> Result<(PathBuf, Vec<u8>), FileError> {
        for name in names {
            if let Some(found) = self.read_if_there(name)? {
                return Ok(found);
            }
        }
        Err(self.missing(names.first().copied().unwrap_or_default()))
    }

    /// Path and bytes of a file that may be absent.
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

    /// That `name` is not there.
    fn missing(&self, name: &str) -> FileError {
        FileError::Missing {
            file: self.path.join(name),
            dataset: self.dataset,
            folder: self.path.clone(),
        }
    }
}

/// Whether a file cannot be read because it is not there.
fn is_absent(error: &std::io::Error) -> bool {
    // NotADirectory: `mnist` is a file, so what should lie in it is missing.
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
