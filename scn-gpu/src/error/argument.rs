//! Errors about invalid arguments.

use scn_solvers::ProblemError;

/// An argument that is inconsistent with the others, unsupported by the device code, or of a
/// different context.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// A buffer does not have the number of entries implied by the sizes.
    #[error("{what} must have {expected} entries, not {found}")]
    Length {
        /// The buffer.
        what: &'static str,
        /// Expected number of entries.
        expected: usize,
        /// Actual number of entries.
        found: usize,
    },
    /// A range exceeds the bounds of a buffer.
    #[error("entries {start}..{end} are out of range for a length of {len}")]
    Range {
        /// First entry of the range.
        start: usize,
        /// Entry after the last of the range.
        end: usize,
        /// Length of the buffer.
        len: usize,
    },
    /// A size exceeds what kernels can count.
    #[error("{what} must be at most {limit} on this device, not {found}")]
    TooLarge {
        /// The size.
        what: &'static str,
        /// Largest supported value.
        limit: usize,
        /// Actual value.
        found: usize,
    },
    /// A buffer belongs to a different context.
    #[error("{what} belongs to a different context")]
    OtherContext {
        /// The buffer.
        what: &'static str,
    },
    /// The number of atoms is zero, or larger than the kernels support.
    #[error("dictionaries must have 1 to {limit} atoms on this device, not {found}")]
    Atoms {
        /// Largest supported number.
        limit: usize,
        /// Actual number.
        found: usize,
    },
    /// Signed codes were requested.
    #[error("only nonnegative codes are supported on this device")]
    SignedCodes,
    /// The dictionary or the penalty is invalid.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The windows do not fit the map.
    #[error(
        "windows must have an odd side that fits the padded map, and a stride of at least 1, but the map is {height} x {width}, the \
         side {window} and the stride {stride}"
    )]
    Windows {
        /// Rows of the map.
        height: usize,
        /// Columns of the map.
        width: usize,
        /// Side of the window.
        window: usize,
        /// Distance between neighbouring windows.
        stride: usize,
    },
    /// The images cannot be divided into the requested number of groups.
    #[error("{images} images cannot be divided into {found} groups")]
    Groups {
        /// Number of images.
        images: usize,
        /// Number of groups.
        found: usize,
    },
    /// A set of images is empty.
    #[error("a set of images must contain at least one image of at least one pixel")]
    NoImages,
    /// A pick is not in the set, or is shifted out of its frame.
    #[error(
        "each image of a batch must be one of {images}, shifted by less than its {height} x {width} pixels, but image {position} is \
         image {image}, shifted by {down} down and {right} to the right"
    )]
    Pick {
        /// Index of the first invalid pick in the batch.
        position: usize,
        /// Index of the picked image in the set.
        image: usize,
        /// Downward shift in pixels.
        down: isize,
        /// Rightward shift in pixels.
        right: isize,
        /// Number of images in the set.
        images: usize,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
    },
    /// The picks were made for a set of a different size or shape.
    #[error("the picks of a batch were made for a set whose images differ in number or shape")]
    OtherSet,
    /// A label is not below the number of classes.
    #[error("labels must be below {classes}, but image {image} has the label {found}")]
    Label {
        /// Number of classes.
        classes: usize,
        /// Index of the first such image.
        image: usize,
        /// Label of the image.
        found: usize,
    },
    /// All slots for reports are taken.
    #[error("a step has room for only {slots} reports")]
    Reports {
        /// Number of slots.
        slots: usize,
    },
}

impl ArgumentError {
    /// Creates the error for an index, counted from 0, that is not below `len`.
    pub(crate) fn no_such(index: usize, len: usize) -> Self {
        Self::Range {
            start: index,
            end: index.saturating_add(1),
            len,
        }
    }
}
