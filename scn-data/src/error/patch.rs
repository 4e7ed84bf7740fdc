//! What can be wrong with patches of pictures.

/// Why pictures cannot be cut into patches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// Patches without pixels, or of pictures without any.
    #[error(
        "patches must have at least 1 x 1 pixels, but have {} x {}, of pictures of {} x {}",
        .patch[0], .patch[1], .picture[0], .picture[1]
    )]
    Empty {
        /// Height and width of a patch.
        patch: [usize; 2],
        /// Height and width of a picture.
        picture: [usize; 2],
    },
    /// Patches that never move on.
    #[error("the stride of patches must be at least 1, but is 0")]
    Stride,
    /// Patches that do not fit into a picture.
    #[error(
        "patches of {} x {} pixels must fit into the pictures, but these are of {} x {}",
        .patch[0], .patch[1], .picture[0], .picture[1]
    )]
    Larger {
        /// Height and width of a patch.
        patch: [usize; 2],
        /// Height and width of a picture.
        picture: [usize; 2],
    },
    /// Patches so far apart that pixels between them are in none, where all are wanted.
    #[error(
        "patches of {} x {} pixels must leave no pixel between them, but do with a stride of {stride}",
        .patch[0], .patch[1]
    )]
    Gaps {
        /// Height and width of a patch.
        patch: [usize; 2],
        /// Pixels from a patch to the next.
        stride: usize,
    },
    /// More patches than an address can count.
    #[error("patches must be countable, but {pictures} pictures have {each} each")]
    TooMany {
        /// Number of pictures.
        pictures: usize,
        /// Patches of each.
        each: usize,
    },
}
