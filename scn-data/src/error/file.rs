//! Errors in the files of a data set, and in numpy and MATLAB arrays.

use std::path::PathBuf;

use crate::dataset_name::DatasetName;

/// The reason why a file cannot be read as images, labels or numbers.
///
/// Each message names the file, what it must hold, and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A file of a data set does not exist.
    #[error(
        "{} is missing: it must hold part of data set {dataset}, as unpacked from the official archive",
        .file.display()
    )]
    Missing {
        /// The missing file.
        file: PathBuf,
        /// The data set that the file belongs to.
        dataset: DatasetName,
        /// The folder that must hold the file.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("{} must be a readable file, but reading it failed", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The underlying I/O error.
        source: std::io::Error,
    },
    /// A file starts like a gzip stream, but is not a complete one.
    #[error("{} must be a complete gzip stream, as its first bytes indicate, but cannot be unpacked", .file.display())]
    Gzip {
        /// The file.
        file: PathBuf,
        /// The error reported by the decoder.
        source: std::io::Error,
    },
    /// A compressed file is to be mapped into memory.
    #[error("{} must be unpacked to be mapped into memory, but is a gzip stream", .file.display())]
    Packed {
        /// The file.
        file: PathBuf,
    },
    /// A file is of a different kind.
    #[error("{} must hold {what} and start with the number {expected}, but starts with {found}", .file.display())]
    Kind {
        /// The file.
        file: PathBuf,
        /// Description of the kind expected.
        what: &'static str,
        /// First four bytes of that kind, big-endian.
        expected: u32,
        /// First four bytes found.
        found: u32,
    },
    /// A file ends too early.
    #[error("{} must hold {expected} bytes (unpacked), but ends after {found}", .file.display())]
    Short {
        /// The file.
        file: PathBuf,
        /// Number of bytes that its kind or its header promises.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A file is longer than its header promises.
    #[error("{} must hold {expected} bytes (unpacked), but holds at least {found}", .file.display())]
    Long {
        /// The file.
        file: PathBuf,
        /// Number of bytes that its header promises.
        expected: u64,
        /// Number of bytes read; the file may have more.
        found: u64,
    },
    /// A file of records ends inside a record.
    #[error(
        "{} must hold whole records of {record} bytes, but holds {found} bytes, {} too many or too few to fit",
        .file.display(), .found % .record
    )]
    PartialRecord {
        /// The file.
        file: PathBuf,
        /// Length of a record in bytes.
        record: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Images have a different size.
    #[error(
        "{} must hold images of {} x {} pixels, but holds images of {} x {}",
        .file.display(), .expected[0], .expected[1], .found[0], .found[1]
    )]
    PictureSize {
        /// The file.
        file: PathBuf,
        /// Rows and columns expected.
        expected: [usize; 2],
        /// Rows and columns found.
        found: [usize; 2],
    },
    /// A file is not a numpy array, or has a structured type.
    #[error(
        "{} must start with the header of a numpy array of plain numbers, but does not",
        .file.display()
    )]
    NoArray {
        /// The file.
        file: PathBuf,
    },
    /// A numpy array has a different shape, type or order.
    #[error("{} must hold {expected}, but holds {found}", .file.display())]
    Array {
        /// The file.
        file: PathBuf,
        /// Description of the arrays that can be read.
        expected: &'static str,
        /// Description of the array found.
        found: String,
    },
    /// A file is not a level 5 MATLAB file.
    #[error(
        "{} must be a MATLAB file of level 5, whose bytes 124 to 127 are [0, 1, 73, 77], but has {found:?} there",
        .file.display()
    )]
    NoMat {
        /// The file.
        file: PathBuf,
        /// Bytes 124 to 127 of the file.
        found: Vec<u8>,
    },
    /// An element of a MATLAB file is damaged, or is of a kind that cannot be read.
    #[error("the element at byte {at} of {} must be {expected}, but {found}", .file.display())]
    Element {
        /// The file.
        file: PathBuf,
        /// Offset of the element in the file.
        at: u64,
        /// Description of the elements that can be read.
        expected: &'static str,
        /// Description of the element found.
        found: String,
    },
    /// A compressed element of a MATLAB file cannot be unpacked.
    #[error("the element at byte {at} of {} must be a complete zlib stream, but cannot be unpacked", .file.display())]
    Zlib {
        /// The file.
        file: PathBuf,
        /// Offset of the element in the file.
        at: u64,
        /// The error reported by the decoder.
        source: std::io::Error,
    },
    /// A MATLAB file does not have an array of this name.
    #[error("{} must hold a variable {name}, but does not", .file.display())]
    NoVariable {
        /// The file.
        file: PathBuf,
        /// The name of the array.
        name: &'static str,
    },
    /// A .npz archive does not have an array of this name.
    #[error("{} must be a .npz archive with an array {name}, but does not have one", .file.display())]
    NoMember {
        /// The file.
        file: PathBuf,
        /// The name of the array.
        name: &'static str,
    },
    /// An array of a MATLAB file has a different shape, class or value.
    #[error("variable {name} in {} must be {expected}, but {found}", .file.display())]
    Variable {
        /// The file.
        file: PathBuf,
        /// The name of the array.
        name: &'static str,
        /// Description of the arrays that can be read.
        expected: &'static str,
        /// Description of the array found.
        found: String,
    },
    /// A label does not belong to any class.
    #[error("label of record {record} in {} must be {first} to {last}, but is {value}", .file.display())]
    Label {
        /// The file.
        file: PathBuf,
        /// Index of the record.
        record: usize,
        /// The label found.
        value: i64,
        /// Smallest label of the format.
        first: u16,
        /// Largest label of the format.
        last: u16,
    },
    /// Images have a different shape from the training images.
    #[error(
        "{} must hold images of shape {expected:?} (channels, height, width), like the training images, but holds {found:?}",
        .file.display()
    )]
    ImageShape {
        /// The file.
        file: PathBuf,
        /// Channels, height and width of the training images.
        expected: [usize; 3],
        /// Channels, height and width found.
        found: [usize; 3],
    },
    /// Images have a different kind of numbers from the training images.
    #[error("{} must hold {expected}, like the training images, but holds {found}", .file.display())]
    ImageKind {
        /// The file.
        file: PathBuf,
        /// Kind of the training images.
        expected: &'static str,
        /// Kind found.
        found: &'static str,
    },
    /// An entry of a matrix is NaN or infinite.
    #[error("{}: expected finite numbers, found {found} at {at:?}", .file.display())]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// Indices of the entry along both axes of the array.
        at: [usize; 2],
        /// The number.
        found: f64,
    },
    /// A pixel is NaN or infinite.
    #[error("{} must hold finite pixels, but image {image} has a pixel of {value}", .file.display())]
    PixelValue {
        /// The file.
        file: PathBuf,
        /// Index of the image.
        image: usize,
        /// The pixel found.
        value: f32,
    },
    /// The labels leave out a class.
    #[error(
        "{} must hold every label from 0 to the largest, so that each class has an image, but label {missing} is missing",
        .file.display()
    )]
    EmptyClass {
        /// The file.
        file: PathBuf,
        /// Number of classes according to the largest label.
        classes: usize,
        /// The first label that is missing.
        missing: usize,
    },
    /// The numbers of images and labels differ.
    #[error(
        "{} must hold one label for each of the {images} images in {}, but holds {labels}",
        .labels_file.display(), .images_file.display()
    )]
    Counts {
        /// The file of the images.
        images_file: PathBuf,
        /// The file of the labels.
        labels_file: PathBuf,
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A list of class names has a different length.
    #[error("{} must hold {expected} class names, one per line, but holds {found}", .file.display())]
    ClassNames {
        /// The file.
        file: PathBuf,
        /// Number of classes.
        expected: usize,
        /// Number of names found.
        found: usize,
    },
    /// A file has a different number of folds.
    #[error("{} must hold {expected} folds, one per line, but holds {found}", .file.display())]
    Folds {
        /// The file.
        file: PathBuf,
        /// Number of folds.
        expected: usize,
        /// Number of lines found that are not blank.
        found: usize,
    },
    /// An entry of a fold is not the index of an image.
    #[error(
        "fold {fold} in {} must hold indices below {images}, but holds {found:?}",
        .file.display()
    )]
    FoldIndex {
        /// The file.
        file: PathBuf,
        /// Index of the fold.
        fold: usize,
        /// Number of images.
        images: usize,
        /// The entry found, or its beginning.
        found: String,
    },
    /// A fold holds an image twice.
    #[error("fold {fold} in {} must hold each image at most once, but holds image {index} again", .file.display())]
    FoldRepeats {
        /// The file.
        file: PathBuf,
        /// Index of the fold.
        fold: usize,
        /// Index of the image that is repeated.
        index: usize,
    },
    /// A text file is not UTF-8.
    #[error("{} must be UTF-8 text, but is invalid from byte {valid} on", .file.display())]
    Text {
        /// The file.
        file: PathBuf,
        /// Number of bytes before the first invalid one.
        valid: usize,
    },
}
