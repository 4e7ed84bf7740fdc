//! Errors in patches of images.

/// The reason why images cannot be cut into patches, or assembled from them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// Patches or images have no pixels.
    #[error(
        "patches and images must have at least 1 x 1 pixels, but have {} x {} and {} x {}",
        .patch[0], .patch[1], .picture[0], .picture[1]
    )]
    Empty {
        /// Height and width of a patch.
        patch: [usize; 2],
        /// Height and width of an image.
        picture: [usize; 2],
    },
    /// The stride is 0.
    #[error("the stride of patches must be at least 1, but is 0")]
    Stride,
    /// Patches do not fit into an image.
    #[error(
        "patches of {} x {} pixels must fit into the images, but these have {} x {}",
        .patch[0], .patch[1], .picture[0], .picture[1]
    )]
    Larger {
        /// Height and width of a patch.
        patch: [usize; 2],
        /// Height and width of an image.
        picture: [usize; 2],
    },
    /// Patches leave gaps between them, but every pixel must be covered.
    #[error(
        "patches of {} x {} pixels must cover every pixel, but a stride of {stride} leaves gaps",
        .patch[0], .patch[1]
    )]
    Gaps {
        /// Height and width of a patch.
        patch: [usize; 2],
        /// Distance from a patch to the next in pixels.
        stride: usize,
    },
    /// There are more patches than a `usize` can count.
    #[error("patches must be countable, but {pictures} images have {each} each")]
    TooMany {
        /// Number of images.
        pictures: usize,
        /// Number of patches of each image.
        each: usize,
    },
}
