//! Why a source has no images to give.

use crate::data_source::DataSource;

/// Why images cannot be had from where they are said to be, although nothing is wrong with files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Images that a program has put together.
    #[error(
        "{found} was put together by a program and can be read from nowhere; name a data set, folder:DIR or npy:PREFIX"
    )]
    Own {
        /// The source given.
        found: DataSource,
    },
    /// Pictures, which this program cannot decode.
    #[error(
        "{found} can be read by programs with the feature `pictures` of scn-data alone, and this one is without it"
    )]
    NoPictures {
        /// The source given.
        found: DataSource,
    },
    /// A share to test on, of a set that has test images.
    #[error(
        "a share to test on is for folder:DIR alone, but the images of {found} are parted already"
    )]
    Parted {
        /// The source given.
        found: DataSource,
    },
    /// A size or channels for images that are not pictures in a folder.
    #[error(
        "a size and channels of pictures are for folder:DIR alone, but the images of {found} have theirs"
    )]
    Shaped {
        /// The source given.
        found: DataSource,
    },
}
