//! From the name of a data set to its images.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::format::{cifar, mnist, stl10};
use crate::{DataError, Dataset, DatasetName, digits};

/// Reads the training and the test images of a data set.
///
/// `data` is the data folder, the one that holds `mnist/`, `cifar-10-batches-bin/`, `cifar-100-binary/` or
/// `stl10_binary/`, each as its official archive unpacks; the digits are embedded and need no folder.
///
/// # Errors
/// [`DataError::Missing`] for a file that is not there, [`DataError::Unreadable`] for one that cannot be read, and
/// one error for each way in which a file can be wrong.
pub fn open(name: DatasetName, data: &Path) -> Result<Dataset, DataError> {
    let folder = Folder {
        dataset: name,
        path: data.join(name.folder().unwrap_or_default()),
    };
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
    /// Path and bytes of the first of `names` that is there.
    pub(crate) fn read(&self, names: &[&str]) -> Result<(PathBuf, Vec<u8>), DataError> {
        for name in names {
            if let Some(found) = self.read_if_there(name)? {
                return Ok(found);
            }
        }
        Err(DataError::Missing {
            file: self.path.join(names.first().copied().unwrap_or_default()),
            dataset: self.dataset,
            folder: self.path.clone(),
        })
    }

    /// Path and bytes of a file that may be absent.
    pub(crate) fn read_if_there(
        &self,
        name: &str,
    ) -> Result<Option<(PathBuf, Vec<u8>)>, DataError> {
        let file = self.path.join(name);
        match fs::read(&file) {
            Ok(bytes) => Ok(Some((file, bytes))),
            // NotADirectory: `mnist` is a file, so what should lie in it is missing.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(source) => Err(DataError::Unreadable { file, source }),
        }
    }
}
