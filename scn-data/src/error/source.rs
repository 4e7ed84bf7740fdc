//! Errors in the source of images.

use crate::data_source::DataSource;

/// The reason why a source cannot be used, apart from errors in its files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The images were assembled by a program.
    #[error(
        "{found} was assembled by a program and cannot be read again; name a data set, folder:DIR or npy:PREFIX"
    )]
    Own {
        /// The source given.
        found: DataSource,
    },
    /// The source has image files, which this program cannot decode.
    #[error(
        "{found} can be read only by programs with the feature `pictures` of scn-data, but this one is built without it"
    )]
    NoPictures {
        /// The source given.
        found: DataSource,
    },
    /// A test fraction is set for a source that already has test images.
    #[error("a test fraction is only for folder:DIR, but {found} already has test images")]
    Parted {
        /// The source given.
        found: DataSource,
    },
    /// A size or channels are set for a source that is not a folder of image files.
    #[error(
        "a size and channels of images are only for folder:DIR, but the images of {found} have their own"
    )]
    Shaped {
        /// The source given.
        found: DataSource,
    },
}
