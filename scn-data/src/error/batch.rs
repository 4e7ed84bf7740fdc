//! Errors in the settings that cut a set of images into batches.

/// The reason why a set of images cannot be cut into batches.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The batch size is 0.
    #[error("the batch size must be at least 1, but is 0")]
    BatchSize,
    /// No batch is full, but smaller batches are to be dropped.
    #[error(
        "there must be at least {batch_size} images to fill a batch if a smaller last batch is dropped, but there are {images}"
    )]
    NoWholeBatch {
        /// Number of images.
        images: usize,
        /// Number of images of a full batch.
        batch_size: usize,
    },
    /// The normalisation was fitted to images of a different shape.
    #[error("the normalisation must be for images of shape {expected:?}, but is for {found:?}")]
    NormalizationShape {
        /// Shape of the images.
        expected: [usize; 3],
        /// Shape of the mean image.
        found: [usize; 3],
    },
    /// The shift can push a whole image out of the frame.
    #[error(
        "the shift must be smaller than the images of {height} x {width} pixels, but is {found}"
    )]
    Shift {
        /// Largest shift in pixels.
        found: usize,
        /// Height of the images in pixels.
        height: usize,
        /// Width of the images in pixels.
        width: usize,
    },
    /// Flips and shifts are to be drawn for groups without images.
    #[error("the group must have at least 1 image for a draw per group, but has 0")]
    Group,
    /// The parameter of [mixup](crate::Loader::with_mixup) is out of range.
    #[error("mixup must be above 0 and at most 1000, but is {found}")]
    Mixup {
        /// The parameter of the Beta distribution.
        found: f64,
    },
}
