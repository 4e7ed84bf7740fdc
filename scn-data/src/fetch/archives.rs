//! Which archives make up a data set, and where they are.

use super::error::FetchError;
use crate::dataset_name::DatasetName;

/// An archive on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Archive {
    /// Address of the folder of the file, which a mirror replaces.
    pub base: String,
    /// Name of the file, there and here.
    pub file: String,
    /// Bytes that it cannot exceed: a transfer that does is refused.
    pub longest: u64,
    /// Its published MD5 sum, in hexadecimal digits.
    pub md5: String,
    /// What is done with it.
    pub packing: Packing,
}

/// What a fetch does with a downloaded archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packing {
    /// It is put into the folder as it is.
    Kept,
    /// It is a tar archive in gzip, of files in the folder.
    TarGz {
        /// Bytes that the tar archive cannot exceed.
        largest: u64,
    },
}

/// The archives of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveSet {
    /// Folder inside the data folder that holds the files in the end; one name, without separators.
    pub folder: String,
    /// What is put there.
    pub archives: Vec<Archive>,
}

const MNIST: &str = "https://ossci-datasets.s3.amazonaws.com/mnist/";
const CIFAR: &str = "https://www.cs.toronto.edu/~kriz/";
/// Published over HTTP alone.
const SVHN: &str = "http://ufldl.stanford.edu/housenumbers/";
const STL10: &str = "https://ai.stanford.edu/~acoates/stl10/";

impl ArchiveSet {
    /// Archives of your own, which are put into `folder` inside the data folder: one name, without
    /// separators.
    pub fn new(folder: impl Into<String>, archives: Vec<Archive>) -> Self {
        Self {
            folder: folder.into(),
            archives,
        }
    }

    /// The official archives of a data set.
    ///
    /// # Errors
    /// [`FetchError::Embedded`] for the digits, which need none.
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

    /// The same archives from the folder at another address.
    #[must_use]
    pub fn from_mirror(mut self, base: &str) -> Self {
        for archive in &mut self.archives {
            archive.base = base.to_owned();
        }
        self
    }
}

impl Archive {
    /// The file `file` in the folder of address `base`, of at most `longest` bytes and with the MD5
    /// sum `md5` in hexadecimal digits.
    pub fn new(base: &str, file: &str, longest: u64, md5: &str, packing: Packing) -> Self {
        Self {
            base: base.to_owned(),
            file: file.to_owned(),
            longest,
            md5: md5.to_owned(),
            packing,
        }
    }

    /// Its whole address.
    pub fn url(&self) -> String {
        format!("{}/{}", self.base.trim_end_matches('/'), self.file)
    }
}
