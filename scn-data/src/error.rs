//! Why there are no images, or no batches of them.

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

/// Any failure of this crate but those of a name and of a download.
///
/// Each message is one sentence that says what was expected and what was found; those about a file
/// name it. A function that can fail in one way today may fail in another tomorrow, so all of them
/// return this type; their documentation names the variants of the errors inside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file of a data set, or an array of numpy.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder of pictures, or one of them.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Patches of pictures.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// A source of images that has none to give.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A set of images in memory.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A normalisation.
    #[error(transparent)]
    Normalization(#[from] NormalizationError),
    /// The settings of batches.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// More memory is needed than there is.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}
