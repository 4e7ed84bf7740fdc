//! Checking which files of a data set exist.

use crate::dataset_name::DatasetName;
use std::fs;
use std::path::{Path, PathBuf};

/// A file that a data set needs, with its length.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedFile {
    /// Path of the file, whether or not it exists.
    pub path: PathBuf,
    /// Expected length in bytes; `None` for a gzipped file.
    pub expected: Option<u64>,
    /// Actual length in bytes; `None` if the file does not exist.
    pub found: Option<u64>,
}

impl CheckedFile {
    /// Whether the file exists and has the expected length, if that is known.
    pub fn is_whole(&self) -> bool {
        self.found
            .is_some_and(|found| self.expected.is_none_or(|expected| expected == found))
    }
}

/// Returns the files that data set `name` needs in the data folder, with their lengths. The digits
/// need none.
///
/// [`open`](crate::open) determines whether they can be read.
pub fn check_files(name: DatasetName, data: &Path) -> Vec<CheckedFile> {
    let folder = data.join(name.folder().unwrap_or_default());
    let length = |path: &Path| {
        fs::metadata(path)
            .ok()
            .filter(fs::Metadata::is_file)
            .map(|metadata| metadata.len())
    };
    needed(name)
        .into_iter()
        .map(|(file, expected)| {
            let (plain, packed) = (folder.join(file), folder.join(format!("{file}.gz")));
            match (length(&plain), length(&packed)) {
                // Only MNIST may stay compressed, as it is distributed.
                (None, Some(found)) if name == DatasetName::Mnist => CheckedFile {
                    path: packed,
                    expected: None,
                    found: Some(found),
                },
                (found, _) => CheckedFile {
                    path: plain,
                    expected: Some(expected),
                    found,
                },
            }
        })
        .collect()
}

/// Names and lengths. The lengths follow from the formats: a header, and records of label and
/// pixels. The files of SVHN are compressed, so their lengths are those of the official ones.
fn needed(name: DatasetName) -> Vec<(&'static str, u64)> {
    const CIFAR: u64 = 3 * 32 * 32;
    const STL: u64 = 3 * 96 * 96;
    match name {
        DatasetName::Digits => Vec::new(),
        DatasetName::Mnist => vec![
            ("train-images-idx3-ubyte", 16 + 60_000 * 28 * 28),
            ("train-labels-idx1-ubyte", 8 + 60_000),
            ("t10k-images-idx3-ubyte", 16 + 10_000 * 28 * 28),
            ("t10k-labels-idx1-ubyte", 8 + 10_000),
        ],
        DatasetName::Cifar10 => vec![
            ("data_batch_1.bin", 10_000 * (1 + CIFAR)),
            ("data_batch_2.bin", 10_000 * (1 + CIFAR)),
            ("data_batch_3.bin", 10_000 * (1 + CIFAR)),
            ("data_batch_4.bin", 10_000 * (1 + CIFAR)),
            ("data_batch_5.bin", 10_000 * (1 + CIFAR)),
            ("test_batch.bin", 10_000 * (1 + CIFAR)),
        ],
        DatasetName::Cifar100 => vec![
            ("train.bin", 50_000 * (2 + CIFAR)),
            ("test.bin", 10_000 * (2 + CIFAR)),
        ],
        DatasetName::Svhn => vec![
            ("train_32x32.mat", 182_040_794),
            ("test_32x32.mat", 64_275_384),
        ],
        DatasetName::Stl10 => vec![
            ("train_X.bin", 5_000 * STL),
            ("train_y.bin", 5_000),
            ("test_X.bin", 8_000 * STL),
            ("test_y.bin", 8_000),
        ],
    }
}
