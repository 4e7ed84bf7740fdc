//! Errors in a set of images in memory.

/// The reason why pixels, labels and class names do not form a set of images, or a set is
/// unsuitable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The shape has no pixels, or more than a `usize` can count.
    #[error(
        "images must have a shape (channels, height, width) of positive sizes, but have {found:?}"
    )]
    Shape {
        /// Channels, height, width.
        found: [usize; 3],
    },
    /// The pixels do not fill the images.
    #[error(
        "{labels} images of shape {shape:?} must have {expected} pixels in total, but have {found}"
    )]
    PixelCount {
        /// Number of labels, and so of images.
        labels: usize,
        /// Channels, height, width.
        shape: [usize; 3],
        /// Number of pixels needed.
        expected: u64,
        /// Number of pixels given.
        found: usize,
    },
    /// There are no classes, or more than a label can distinguish.
    #[error("images must have 1 to 65536 classes, but have {found}")]
    Classes {
        /// Number of class names.
        found: usize,
    },
    /// A label does not belong to any class.
    #[error("label of image {image} must be below the number of classes {classes}, but is {value}")]
    Label {
        /// Index of the image.
        image: usize,
        /// The label found.
        value: u16,
        /// Number of classes.
        classes: usize,
    },
    /// A pixel is brighter than the brightest value.
    #[error("pixels must be 0 to {brightest}, but image {image} has a pixel of {value}")]
    Pixel {
        /// Index of the image.
        image: usize,
        /// The pixel found.
        value: u8,
        /// Largest value allowed.
        brightest: f32,
    },
    /// A pixel is NaN or infinite.
    #[error("pixels must be finite numbers, but image {image} has a pixel of {value}")]
    NotFinite {
        /// Index of the image.
        image: usize,
        /// The pixel found.
        value: f32,
    },
    /// The brightest value is not a finite number above 0.
    #[error("the brightest value of a pixel must be a finite number above 0, but is {found}")]
    Brightest {
        /// The value given.
        found: f32,
    },
    /// Training and test images have different shapes.
    #[error(
        "training and test images must have the same shape (channels, height, width), but have {train:?} and {test:?}"
    )]
    Shapes {
        /// Shape of the training images.
        train: [usize; 3],
        /// Shape of the test images.
        test: [usize; 3],
    },
    /// Training and test images have different classes.
    #[error("training and test images must have the same classes, but only one set has {class:?}")]
    ClassesDiffer {
        /// The first class that only one of the sets has, or that has different labels in the two.
        class: String,
    },
    /// The fraction of images is not between 0 and 1.
    #[error("the fraction of images must be between 0 and 1, but is {found}")]
    Share {
        /// The fraction given.
        found: f64,
    },
    /// A class is too small to be split.
    #[error(
        "class {class:?} must have at least two images for a fraction to be set apart, but has {images}"
    )]
    TooFewImages {
        /// Name of the class.
        class: String,
        /// Number of images of the class.
        images: usize,
    },
    /// The index of an image is out of range.
    #[error("indices of images must be below the number of images {images}, but one is {index}")]
    Index {
        /// The index given.
        index: usize,
        /// Number of images.
        images: usize,
    },
    /// The standard deviation of noise is negative or not finite.
    #[error(
        "the standard deviation of noise must be a finite number of at least 0, but is {found}"
    )]
    Noise {
        /// The deviation given.
        found: f64,
    },
    /// There are no images, but at least one is needed.
    #[error("at least one image is needed, but there is none")]
    NoImages,
}
