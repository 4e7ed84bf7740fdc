//! The archives of each data set, and their addresses.

use super::error::FetchError;
use crate::dataset_name::DatasetName;

/// An archive on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Archive {
    /// Address of the folder of the file, which a mirror replaces.
    pub base: String,
    /// Name of the file, on the server and in the data folder.
    pub file: String,
    /// Largest size in bytes; a transfer that exceeds it is refused.
    pub longest: u64,
    /// The published MD5 sum, in hexadecimal digits.
    pub md5: String,
    /// How the archive is unpacked.
    pub packing: Packing,
}

/// How a downloaded archive is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packing {
    /// The archive is put into the folder unchanged.
    Kept,
    /// The archive is a gzipped tar archive of files in the folder.
    TarGz {
        /// Largest size of the tar archive in bytes.
        largest: u64,
    },
}

/// The archives of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveSet {
    /// Folder inside the data folder for the unpacked files: a single name, without separators.
    pub folder: String,
    /// The archives that are unpacked there.
    pub archives: Vec<Archive>,
}

const MNIST: &str = "https://ossci-datasets.s3.amazonaws.com/mnist/";
const CIFAR: &str = "https://www.cs.toronto.edu/~kriz/";
/// Published only over HTTP.
const SVHN: &str = "http://ufldl.stanford.edu/housenumbers/";
const STL10: &str = "https://ai.stanford.edu/~acoates/stl10/";

impl ArchiveSet {
    /// Creates a set of your own archives, which are unpacked into `folder` inside the data folder.
    ///
    /// `folder` is a single name, without separators.
    pub fn new(folder: impl Into<String>, archives: Vec<Archive>) -> Self {
        Self {
            folder: folder.into(),
            archives,
        }
    }

    /// Returns the official archives of a data set.
    ///
    /// # Errors
    /// Returns [`FetchError::Embedded`] for the digits, which need none.
    pub fn official(name: DatasetName) -> Result<Self, FetchError> {
        let kept =
            |file: &str, md5: &str| Archive::new(MNIST, file, 16_000_000, md5, Packing::Kept);
        let svhn =
            |file: &str, md5: &str| Archive::new(SVHN, file, 250_000_000, md5, Packing::Kept);
        let archives = match name {
            DatasetName::Digits => Vec::new(),
            DatasetName::Mnist => vec![
                kept(
                    "train-images-idx3-ubyte.gz",
                    "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                ),
                kept(
                    "train-labels-idx1-ubyte.gz",
                    "d53e105ee54ea40749a09fcbcd1e9432",
                ),
                kept(
                    "t10k-images-idx3-ubyte.gz",
                    "9fb629c4189551a2d022fa330f9573f3",
                ),
                kept(
                    "t10k-labels-idx1-ubyte.gz",
                    "ec29112dd5afa0611ce80d1b7f02629c",
                ),
            ],
            DatasetName::Cifar10 => vec![Archive::new(
                CIFAR,
                "cifar-10-binary.tar.gz",
                250_000_000,
                "c32a1d4ab5d03f1284b67883e8d87530",
                Packing::TarGz {
                    largest: 250_000_000,
                },
            )],
            DatasetName::Cifar100 => vec![Archive::new(
                CIFAR,
                "cifar-100-binary.tar.gz",
                250_000_000,
                "03b5dce01913d631647c71ecec9e9cb8",
                Packing::TarGz {
                    largest: 250_000_000,
                },
            )],
            DatasetName::Svhn => vec![
                svhn("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
                svhn("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
            ],
            DatasetName::Stl10 => vec![Archive::new(
                STL10,
                "stl10_binary.tar.gz",
                3_500_000_000,
                "91f7769df0f17e558f3565bffb0c7dfb",
                Packing::TarGz {
                    largest: 4_000_000_000,
                },
            )],
        };
        let folder = name
            .folder()
            .ok_or(FetchError::Embedded { dataset: name })?
            .to_owned();
        Ok(Self::new(folder, archives))
    }

    /// Returns the same archives in the folder at the address `base`.
    #[must_use]
    pub fn from_mirror(mut self, base: &str) -> Self {
        for archive in &mut self.archives {
            archive.base = base.to_owned();
        }
        self
    }
}

impl Archive {
    /// Creates an archive from the file `file` in the folder at the address `base`, with at most
    /// `longest` bytes and the MD5 sum `md5` in hexadecimal digits.
    pub fn new(base: &str, file: &str, longest: u64, md5: &str, packing: Packing) -> Self {
        Self {
            base: base.to_owned(),
            file: file.to_owned(),
            longest,
            md5: md5.to_owned(),
            packing,
        }
    }

    /// Returns the full address of the archive.
    pub fn url(&self) -> String {
        format!("{}/{}", self.base.trim_end_matches('/'), self.file)
    }
}
