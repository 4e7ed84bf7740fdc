//! What can be wrong with the settings that cut a set of images into batches.

/// Why a set of images cannot be cut into batches.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// Batches without images.
    #[error("the batch size must be at least 1, but is 0")]
    BatchSize,
    /// No batch is whole, and others are to be dropped.
    #[error(
        "{images} images must fill a batch of {batch_size}, if what does not fill one is dropped"
    )]
    NoWholeBatch {
        /// Images there are.
        images: usize,
        /// Images of a batch.
        batch_size: usize,
    },
    /// A normalisation fitted to images of another shape.
    #[error("the normalisation must be for images of shape {expected:?}, but is for {found:?}")]
    NormalizationShape {
        /// Shape of the images.
        expected: [usize; 3],
        /// Shape of the mean image.
        found: [usize; 3],
    },
    /// A shift that can push a whole picture out of the frame.
    #[error(
        "the shift must be smaller than the pictures of {height} x {width} pixels, but is {found}"
    )]
    Shift {
        /// Largest shift in pixels.
        found: usize,
        /// Height of the pictures in pixels.
        height: usize,
        /// Width of the pictures in pixels.
        width: usize,
    },
    /// Flips and shifts are to be drawn for groups of no image.
    #[error("a draw for each group needs groups of at least 1 image, but the group is 0")]
    Group,
    /// A parameter for [mixup](crate::Loader::with_mixup) out of range.
    #[error("mixup must be above 0 and at most 1000, but is {found}")]
    Mixup {
        /// The parameter of the Beta distribution.
        found: f64,
    },
}
