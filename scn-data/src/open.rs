//! Opening a data set by its name.

use std::path::Path;

use crate::dataset::Dataset;
use crate::dataset_name::DatasetName;
use crate::digits;
use crate::error::DataError;
use crate::folder::Folder;
use crate::format::{cifar, mnist, stl10, svhn};

/// Reads the training and test images of a data set.
///
/// `data` is the data folder, which holds `mnist/`, `cifar-10-batches-bin/`, `cifar-100-binary/`,
/// `svhn/` or `stl10_binary/`, each as unpacked from its official archive. The digits are embedded
/// and need no folder.
///
/// # Errors
/// Returns [`FileError::Missing`](crate::FileError::Missing) if a file does not exist,
/// [`FileError::Unreadable`](crate::FileError::Unreadable) if it cannot be read, and a specific
/// error for each way in which a file can be invalid.
///
/// # Example
///
/// ```
/// use std::path::Path;
/// use scn_data::{DataError, DatasetName, FileError};
///
/// let digits = scn_data::open(DatasetName::Digits, Path::new(""))?;
/// assert_eq!((digits.train.len(), digits.test.len()), (1437, 360));
/// assert_eq!((digits.test.shape(), digits.test.classes()), ([1, 8, 8], 10));
///
/// let missing = scn_data::open(DatasetName::Mnist, Path::new("nowhere"));
/// assert!(matches!(missing, Err(DataError::File(FileError::Missing { .. }))));
/// # Ok::<(), scn_data::DataError>(())
/// ```
pub fn open(name: DatasetName, data: &Path) -> Result<Dataset, DataError> {
    let folder = Folder::new(name, data);
    let (train, test) = match name {
        DatasetName::Digits => digits::train_and_test()?,
        DatasetName::Mnist => mnist::train_and_test(&folder)?,
        DatasetName::Cifar10 => cifar::train_and_test(&folder, &cifar::CIFAR10)?,
        DatasetName::Cifar100 => cifar::train_and_test(&folder, &cifar::CIFAR100)?,
        DatasetName::Svhn => svhn::train_and_test(&folder)?,
        DatasetName::Stl10 => stl10::train_and_test(&folder)?,
    };
    Dataset::new(name, train, test)
}
