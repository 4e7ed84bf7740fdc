//! What can be wrong with folders of PNG and JPEG pictures.

use std::path::PathBuf;

/// Why a file is no picture, or a folder no set of them. Each message names the file or folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// A file that does not decode to a picture.
    #[error(
        "{} must be a whole PNG or JPEG picture of at most {side} x {side} pixels and {mebibytes} MiB, but does not decode",
        .file.display()
    )]
    Undecodable {
        /// The file.
        file: PathBuf,
        /// Largest height and width.
        side: u32,
        /// Largest size, decoded, in MiB.
        mebibytes: u64,
        /// What the decoder says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file among pictures whose name is no picture's.
    #[error(
        "{} must be a picture with the extension png, jpg or jpeg, but has the extension {found:?}",
        .file.display()
    )]
    Extension {
        /// The file.
        file: PathBuf,
        /// Its extension, empty if it has none.
        found: String,
    },
    /// A grey picture among coloured ones, or the other way round.
    #[error(
        "{} must have as many channels as the first picture, {expected}, but has {found}",
        .file.display()
    )]
    Channels {
        /// The file.
        file: PathBuf,
        /// Channels of the first picture.
        expected: usize,
        /// Channels found.
        found: usize,
    },
    /// A folder that should hold pictures and holds none.
    #[error("{} must hold a picture in a folder of a class, but holds none", .folder.display())]
    NoPictures {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder is not there or cannot be listed.
    #[error("{} must be a readable folder, but listing it failed", .folder.display())]
    UnreadableFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file where only the folders of classes belong.
    #[error("{} must be the folder of a class, but is a file", .file.display())]
    NotClassFolder {
        /// The file.
        file: PathBuf,
    },
    /// A class of the training pictures that the test pictures do not have, or the other way round.
    #[error(
        "{} and {} must hold folders of the same classes, but only one holds {class:?}",
        .train_folder.display(), .test_folder.display()
    )]
    ClassFolders {
        /// The folder of the training pictures.
        train_folder: PathBuf,
        /// The folder of the test pictures.
        test_folder: PathBuf,
        /// The first class that is in one of them alone.
        class: String,
    },
}
