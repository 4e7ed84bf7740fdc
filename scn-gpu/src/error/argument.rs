//! Arguments that do not fit each other, the device code, or the context.

use scn_solvers::ProblemError;

/// An argument that does not fit the others, the device code, or the context.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// A buffer does not have as many entries as the sizes say.
    #[error("{what} must have {expected} entries, but has {found}")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Entries that fit.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// A range is not within a buffer.
    #[error("entries {start} to {end} are not within a buffer of {len}")]
    Range {
        /// First entry of the range.
        start: usize,
        /// Entry after the last.
        end: usize,
        /// Length of the buffer.
        len: usize,
    },
    /// A size is beyond what kernels count with.
    #[error("{what} must be at most {limit} on this device, but is {found}")]
    TooLarge {
        /// Which size.
        what: &'static str,
        /// The largest possible.
        limit: usize,
        /// The size.
        found: usize,
    },
    /// A buffer belongs to another context.
    #[error("{what} belongs to another context")]
    OtherContext {
        /// Which buffer.
        what: &'static str,
    },
    /// There are more atoms than the kernels are made for.
    #[error("dictionaries may have 1 to {limit} atoms on this device, but have {found}")]
    Atoms {
        /// The largest number.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// Codes of any sign were asked for.
    #[error("only nonnegative codes are computed on this device")]
    SignedCodes,
    /// The dictionary or penalty is not valid.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The windows do not fit the map.
    #[error(
        "windows must have an odd side of at most the padded map, and a stride of at least 1, but the map is {height} x {width}, the \
         window {window} and the stride {stride}"
    )]
    Windows {
        /// Rows of the map.
        height: usize,
        /// Its columns.
        width: usize,
        /// Side of the window.
        window: usize,
        /// Distance of neighbouring windows.
        stride: usize,
    },
    /// The number of groups does not fit that of images.
    #[error("{images} images cannot be divided into {found} groups")]
    Groups {
        /// Number of images.
        images: usize,
        /// Number of groups.
        found: usize,
    },
    /// A set of images is empty.
    #[error("a set of images must have an image, and each of them a pixel")]
    NoImages,
    /// A pick names an image that the set does not have, or moves it out of its frame.
    #[error(
        "a batch takes one of {images} images, moved by less than its {height} x {width} pixels; but image {position} of the batch \
         is image {image}, moved by {down} down and {right} to the right"
    )]
    Pick {
        /// The first such image of the batch.
        position: usize,
        /// Its place in the set.
        image: usize,
        /// Pixels by which it is moved down.
        down: isize,
        /// Pixels by which it is moved to the right.
        right: isize,
        /// Images of the set.
        images: usize,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
    },
    /// The picks were made for a set of other extents.
    #[error(
        "the picks of a batch were made for a set of other images: their number or shape is another one"
    )]
    OtherSet,
    /// A label is not below the number of classes.
    #[error("labels must be below {classes}, but that of image {image} is {found}")]
    Label {
        /// Number of classes.
        classes: usize,
        /// The first such image.
        image: usize,
        /// Its label.
        found: usize,
    },
    /// There is no room for another report.
    #[error("a step has room for {slots} reports")]
    Reports {
        /// The number.
        slots: usize,
    },
}

impl ArgumentError {
    /// For an index, counted from 0, that is not below `len`.
    pub(crate) fn no_such(index: usize, len: usize) -> Self {
        Self::Range {
            start: index,
            end: index.saturating_add(1),
            len,
        }
    }
}
