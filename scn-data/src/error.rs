//! The errors of this crate.

mod batch;
mod file;
mod image;
mod normalization;
mod patch;
mod picture;
mod source;

pub use self::batch::BatchError;
pub use self::file::FileError;
pub use self::image::ImageError;
pub use self::normalization::NormalizationError;
pub use self::patch::PatchError;
pub use self::picture::PictureError;
pub use self::source::SourceError;
use crate::memory::MemoryError;

/// Any error of this crate, except those of names and of downloads.
///
/// Each message is one sentence that states what was expected and what was found; messages about a
/// file name it. A function with a single kind of error today may get others later, so all
/// functions return this type. Their documentation names the variants of the errors inside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// An error in a file of a data set, or in a numpy array.
    #[error(transparent)]
    File(#[from] FileError),
    /// An error in a folder of image files, or in one of the files.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// An error in the patches of images.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// An error in the source of images.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An error in a set of images in memory.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An error in a normalisation.
    #[error(transparent)]
    Normalization(#[from] NormalizationError),
    /// An error in the settings of batches.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Insufficient memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}
