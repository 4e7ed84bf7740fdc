//! What can be wrong with a set of images in memory.

/// Why pixels, labels and class names are no set of images, or a set does not suffice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A shape without pixels, or with more than an address can count.
    #[error(
        "images must have a shape (channels, height, width) of positive sizes, but have {found:?}"
    )]
    Shape {
        /// Channels, height, width.
        found: [usize; 3],
    },
    /// Pixels that do not fill the images.
    #[error(
        "{labels} images of shape {shape:?} must have {expected} pixels in all, but have {found}"
    )]
    PixelCount {
        /// Number of labels, hence of images.
        labels: usize,
        /// Channels, height, width.
        shape: [usize; 3],
        /// Pixels needed.
        expected: u64,
        /// Pixels given.
        found: usize,
    },
    /// No class, or more than a label can tell apart.
    #[error("images must belong to 1 to 65536 classes, but {found} are named")]
    Classes {
        /// Number of class names.
        found: usize,
    },
    /// A label of an image set that stands for no class.
    #[error("label of image {image} must be below the number of classes {classes}, but is {value}")]
    Label {
        /// Which image, from 0.
        image: usize,
        /// The label found.
        value: u16,
        /// Number of classes.
        classes: usize,
    },
    /// A pixel brighter than the brightest there can be.
    #[error("pixels must be 0 to {brightest}, but image {image} has a pixel of {value}")]
    Pixel {
        /// Which image, from 0.
        image: usize,
        /// The pixel found.
        value: u8,
        /// Largest value allowed.
        brightest: f32,
    },
    /// A pixel that is not a number, or infinite.
    #[error("pixels must be finite numbers, but image {image} has a pixel of {value}")]
    NotFinite {
        /// Which image, from 0.
        image: usize,
        /// The pixel found.
        value: f32,
    },
    /// A brightest value that leaves only black.
    #[error("the brightest value of a pixel must be a finite number above 0, but is {found}")]
    Brightest {
        /// The value given.
        found: f32,
    },
    /// Training and test images that differ in shape.
    #[error(
        "training and test images must have the same shape (channels, height, width), but have {train:?} and {test:?}"
    )]
    Shapes {
        /// Shape of the training images.
        train: [usize; 3],
        /// Shape of the test images.
        test: [usize; 3],
    },
    /// Training and test images that differ in their classes.
    #[error("training and test images must have the same classes, but only one set has {class:?}")]
    ClassesDiffer {
        /// The first class that is in one of them alone, or stands at another place.
        class: String,
    },
    /// A share of images that is none.
    #[error("a share of images must lie between 0 and 1, but is {found}")]
    Share {
        /// The share given.
        found: f64,
    },
    /// A class that is too small to be parted.
    #[error(
        "class {class:?} must have at least two images for a share of them to be set apart, but has {images}"
    )]
    TooFewImages {
        /// Name of the class.
        class: String,
        /// Its images.
        images: usize,
    },
    /// An index that is no image's.
    #[error("indices of images must be below their number {images}, but one is {index}")]
    Index {
        /// The index given.
        index: usize,
        /// Number of images.
        images: usize,
    },
    /// A deviation of noise that is none.
    #[error(
        "the standard deviation of noise must be a finite number of at least 0, but {found} was given"
    )]
    Noise {
        /// The deviation given.
        found: f64,
    },
    /// A set without images where some are needed.
    #[error("at least one image is needed, but there is none")]
    NoImages,
}
