//! Errors in folders of PNG and JPEG files.

use std::path::PathBuf;

/// The reason why a file cannot be read as an image, or a folder as a set of images.
///
/// Each message names the file or folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// A file cannot be decoded to an image.
    #[error(
        "{} must be a complete PNG or JPEG file of at most {side} x {side} pixels and {mebibytes} MiB, but cannot be decoded",
        .file.display()
    )]
    Undecodable {
        /// The file.
        file: PathBuf,
        /// Largest height and width.
        side: u32,
        /// Largest size, decoded, in MiB.
        mebibytes: u64,
        /// The error reported by the decoder.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file does not have the extension of an image file.
    #[error(
        "{} must be an image file with the extension png, jpg or jpeg, but has the extension {found:?}",
        .file.display()
    )]
    Extension {
        /// The file.
        file: PathBuf,
        /// Its extension, empty if it has none.
        found: String,
    },
    /// Some images are grey and others coloured.
    #[error(
        "{} must have as many channels as the first image, {expected}, but has {found}; `pictures.colours` makes all images grey or all coloured",
        .file.display()
    )]
    Channels {
        /// The file.
        file: PathBuf,
        /// Number of channels of the first image.
        expected: usize,
        /// Number of channels found.
        found: usize,
    },
    /// A class to be learnt has no images.
    #[error("{} must hold at least one image of its class, but holds none", .folder.display())]
    EmptyClass {
        /// The folder of the class.
        folder: PathBuf,
    },
    /// A folder has fewer than two classes.
    #[error(
        "{} must hold folders of at least two classes, but holds {}",
        .folder.display(),
        match .class { Some(class) => format!("only {class:?}"), None => "none".to_owned() }
    )]
    TooFewClasses {
        /// The folder.
        folder: PathBuf,
        /// The only class, if there is one.
        class: Option<String>,
    },
    /// Images have different sizes, and no size is set.
    #[error(
        "{} must have {} x {} pixels, like the first image, but has {} x {}; `pictures.size` brings all images to one size",
        .file.display(), .expected[0], .expected[1], .found[0], .found[1]
    )]
    Size {
        /// The file.
        file: PathBuf,
        /// Rows and columns of the first image.
        expected: [usize; 2],
        /// Rows and columns found.
        found: [usize; 2],
    },
    /// A folder does not have the folders `train` and `test`, and no test fraction is set.
    #[error(
        "{} must hold the folders train and test, or one folder per class if a fraction is set apart for testing (`test_share`), but {}",
        .folder.display(),
        match .found { Some(found) => format!("holds {found:?} and no {:?}", if found == "train" { "test" } else { "train" }), None => "holds neither train nor test, and no fraction is set".to_owned() }
    )]
    NoHalves {
        /// The folder.
        folder: PathBuf,
        /// The one of the two that exists, if any.
        found: Option<String>,
    },
    /// A test fraction is set for a folder that has the folders `train` and `test`.
    #[error(
        "{} must hold one folder per class for a fraction to be set apart for testing, but holds the folders train and test",
        .folder.display()
    )]
    Halves {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder of classes has no images.
    #[error("{} must hold an image in the folder of a class, but holds none", .folder.display())]
    NoPictures {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder does not exist or cannot be listed.
    #[error("{} must be a readable folder, but listing it failed", .folder.display())]
    UnreadableFolder {
        /// The folder.
        folder: PathBuf,
        /// The underlying I/O error.
        source: std::io::Error,
    },
    /// A file lies among the folders of the classes.
    #[error("{} must be the folder of a class, but is a file", .file.display())]
    NotClassFolder {
        /// The file.
        file: PathBuf,
    },
    /// The training images have a class that the test images do not have, or the other way round.
    #[error(
        "{} and {} must hold folders of the same classes, but only one holds {class:?}",
        .train_folder.display(), .test_folder.display()
    )]
    ClassFolders {
        /// The folder of the training images.
        train_folder: PathBuf,
        /// The folder of the test images.
        test_folder: PathBuf,
        /// The first class that only one of them has.
        class: String,
    },
}
