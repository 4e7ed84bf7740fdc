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
        "{} must have as many channels as the first picture, {expected}, but has {found}; `pictures.colours` makes all grey or all coloured",
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
    /// A class to learn that has no picture.
    #[error("{} must hold at least one picture of its class, but holds none", .folder.display())]
    EmptyClass {
        /// The folder of the class.
        folder: PathBuf,
    },
    /// A folder with fewer classes than can be told apart.
    #[error(
        "{} must hold folders of at least two classes, but holds {}",
        .folder.display(),
        match .class { Some(class) => format!("only {class:?}"), None => "none".to_owned() }
    )]
    TooFewClasses {
        /// The folder.
        folder: PathBuf,
        /// The one class there is.
        class: Option<String>,
    },
    /// Pictures of several sizes, where none is asked for.
    #[error(
        "{} must be of {} x {} pixels, as the first picture is, but is of {} x {}; `pictures.size` brings all to one size",
        .file.display(), .expected[0], .expected[1], .found[0], .found[1]
    )]
    Size {
        /// The file.
        file: PathBuf,
        /// Rows and columns of the first picture.
        expected: [usize; 2],
        /// Rows and columns found.
        found: [usize; 2],
    },
    /// A folder without the folders `train` and `test`, and no share of it to test on.
    #[error(
        "{} must hold the folders train and test, or folders by class of which a share is set apart to test on (`test_share`), but {}",
        .folder.display(),
        match .found { Some(found) => format!("holds {found:?} and no {:?}", if found == "train" { "test" } else { "train" }), None => "holds neither train nor test, and no share is given".to_owned() }
    )]
    NoHalves {
        /// The folder.
        folder: PathBuf,
        /// Which of the two there is.
        found: Option<String>,
    },
    /// A share to test on, of pictures that have a folder `test`.
    #[error(
        "{} must hold folders by class for a share of them to be set apart to test on, but holds the folders train and test",
        .folder.display()
    )]
    Halves {
        /// The folder.
        folder: PathBuf,
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
