//! From the name of a data set to its images.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::format::{cifar, mnist, stl10};
use crate::{DataError, Dataset, DatasetName, digits, open_regular, read_regular};

/// Reads the training and the test images of a data set.
///
/// `data` is the data folder, the one that holds `mnist/`, `cifar-10-batches-bin/`, `cifar-100-binary/` or
/// `stl10_binary/`, each as its official archive unpacks; the digits are embedded and need no folder.
///
/// # Errors
/// [`DataError::Missing`] for a file that is not there, [`DataError::Unreadable`] for one that cannot be read, and
/// one error for each way in which a file can be wrong.
pub fn open(name: DatasetName, data: &Path) -> Result<Dataset, DataError> {
    let folder = Folder::new(name, data);
    let (train, test) = match name {
        DatasetName::Digits => digits::train_and_test()?,
        DatasetName::Mnist => mnist::train_and_test(&folder)?,
        DatasetName::Cifar10 => cifar::train_and_test(&folder, &cifar::CIFAR10)?,
        DatasetName::Cifar100 => cifar::train_and_test(&folder, &cifar::CIFAR100)?,
        DatasetName::Stl10 => stl10::train_and_test(&folder)?,
    };
    Ok(Dataset { name, train, test })
}

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
    pub(crate) fn open(&self, name: &str) -> Result<(PathBuf, File), DataError> {
        let file = self.path.join(name);
        match open_regular(&file) {
            Ok(reader) => Ok((file, reader)),
            Err(error) if is_absent(&error) => Err(self.missing(name)),
            Err(source) => Err(DataError::Unreadable { file, source }),
        }
    }

    /// Path and bytes of the first of `names` that is there.
    pub(crate) fn read(&self, names: &[&str]) -> Result<(PathBuf, Vec<u8>), DataError> {
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
    ) -> Result<Option<(PathBuf, Vec<u8>)>, DataError> {
        let file = self.path.join(name);
        match read_regular(&file) {
            Ok(bytes) => Ok(Some((file, bytes))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(source) => Err(DataError::Unreadable { file, source }),
        }
    }

    /// That `name` is not there.
    fn missing(&self, name: &str) -> DataError {
        DataError::Missing {
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
