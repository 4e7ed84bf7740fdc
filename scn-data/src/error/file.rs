//! What can be wrong with the files of a data set, and with arrays of numpy and MATLAB.

use std::path::PathBuf;

use crate::dataset_name::DatasetName;

/// Why the bytes of a file are no images, labels or numbers. Each message names the file, what it
/// must hold, and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// A file of a data set is not there.
    #[error(
        "{} is missing: data set {dataset} must lie there as its official archive unpacks",
        .file.display()
    )]
    Missing {
        /// The file looked for.
        file: PathBuf,
        /// The data set it belongs to.
        dataset: DatasetName,
        /// The folder that must hold it.
        folder: PathBuf,
    },
    /// A file is there but cannot be read.
    #[error("{} must be a readable file, but reading it failed", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that starts like a gzip stream and then is not a whole one.
    #[error("{} must be a whole gzip stream, as its first bytes say, but does not unpack", .file.display())]
    Gzip {
        /// The file.
        file: PathBuf,
        /// What the decoder says.
        source: std::io::Error,
    },
    /// A packed file whose pixels should stay where they are.
    #[error("{} must be unpacked for its pixels to stay in it, but is a gzip stream", .file.display())]
    Packed {
        /// The file.
        file: PathBuf,
    },
    /// A file of another kind.
    #[error("{} must hold {what} and start with the number {expected}, but starts with {found}", .file.display())]
    Kind {
        /// The file.
        file: PathBuf,
        /// The kind expected.
        what: &'static str,
        /// First four bytes of that kind, big-endian.
        expected: u32,
        /// First four bytes found.
        found: u32,
    },
    /// A file that ends too early.
    #[error("{} must hold {expected} bytes (unpacked), but ends after {found}", .file.display())]
    Short {
        /// The file.
        file: PathBuf,
        /// Bytes that its kind or its header promises.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A file that goes on after its end.
    #[error("{} must hold {expected} bytes (unpacked), but holds at least {found}", .file.display())]
    Long {
        /// The file.
        file: PathBuf,
        /// Bytes that its header promises.
        expected: u64,
        /// Bytes there are, as far as they were read.
        found: u64,
    },
    /// A file of records that ends inside one.
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
    /// Pictures of another size.
    #[error(
        "{} must hold pictures of {} x {} pixels, but holds pictures of {} x {}",
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
    /// A file that is no numpy array, or one of a structured type.
    #[error(
        "{} must start as a numpy array of plain numbers does, but starts otherwise",
        .file.display()
    )]
    NoArray {
        /// The file.
        file: PathBuf,
    },
    /// A numpy array of another shape, type or order.
    #[error("{} must hold {expected}, but holds {found}", .file.display())]
    Array {
        /// The file.
        file: PathBuf,
        /// The arrays that can be read.
        expected: &'static str,
        /// What the header says.
        found: String,
    },
    /// A file that is no MATLAB file of level 5.
    #[error(
        "{} must be a MATLAB file of level 5, whose bytes 124 to 127 are [0, 1, 73, 77], but has {found:?} there",
        .file.display()
    )]
    NoMat {
        /// The file.
        file: PathBuf,
        /// Its bytes 124 to 127.
        found: Vec<u8>,
    },
    /// An element of a MATLAB file that is damaged, or of a kind that cannot be read.
    #[error("the element at byte {at} of {} must be {expected}, but {found}", .file.display())]
    Element {
        /// The file.
        file: PathBuf,
        /// Where the element starts.
        at: u64,
        /// The elements that can be read.
        expected: &'static str,
        /// What this one is or has.
        found: String,
    },
    /// A compressed element of a MATLAB file that does not unpack.
    #[error("the element at byte {at} of {} must be a whole zlib stream, but does not unpack", .file.display())]
    Zlib {
        /// The file.
        file: PathBuf,
        /// Where the element starts.
        at: u64,
        /// What the decoder says.
        source: std::io::Error,
    },
    /// A MATLAB file without an array of this name.
    #[error("{} must hold a variable {name}, but holds none", .file.display())]
    NoVariable {
        /// The file.
        file: PathBuf,
        /// The name.
        name: &'static str,
    },
    /// An archive .npz without an array of this name.
    #[error("{} must be an archive .npz with an array {name}, but holds none", .file.display())]
    NoMember {
        /// The file.
        file: PathBuf,
        /// The name.
        name: &'static str,
    },
    /// An array of a MATLAB file that has another shape, class or value.
    #[error("variable {name} in {} must be {expected}, but {found}", .file.display())]
    Variable {
        /// The file.
        file: PathBuf,
        /// The name of the array.
        name: &'static str,
        /// The arrays that can be read.
        expected: &'static str,
        /// What this one is.
        found: String,
    },
    /// A label that stands for no class.
    #[error("label of record {record} in {} must be {first} to {last}, but is {value}", .file.display())]
    Label {
        /// The file.
        file: PathBuf,
        /// Which record, from 0.
        record: usize,
        /// The label found.
        value: i64,
        /// Smallest label of the format.
        first: u16,
        /// Largest label of the format.
        last: u16,
    },
    /// Images of another shape than the training images.
    #[error(
        "{} must hold images of shape {expected:?} (channels, height, width), as the training images have, but holds {found:?}",
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
    /// Images of another kind of numbers than the training images.
    #[error("{} must hold {expected}, as the training images are, but holds {found}", .file.display())]
    ImageKind {
        /// The file.
        file: PathBuf,
        /// Kind of the training images.
        expected: &'static str,
        /// Kind found.
        found: &'static str,
    },
    /// A number of a matrix that is NaN or infinite.
    #[error("{}: expected finite numbers, found {found} at {at:?}", .file.display())]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// Its place along both axes of the array.
        at: [usize; 2],
        /// The number.
        found: f64,
    },
    /// A pixel that is not a number, or infinite.
    #[error("{} must hold finite pixels, but image {image} has a pixel of {value}", .file.display())]
    PixelValue {
        /// The file.
        file: PathBuf,
        /// Which image, from 0.
        image: usize,
        /// The pixel found.
        value: f32,
    },
    /// Labels that leave out a class.
    #[error(
        "{} must hold every label from 0 to the largest, so that each class has an image, but label {missing} is not there",
        .file.display()
    )]
    EmptyClass {
        /// The file.
        file: PathBuf,
        /// Number of classes by the largest label.
        classes: usize,
        /// The first label that is left out.
        missing: usize,
    },
    /// Images and labels that are not equally many.
    #[error(
        "{} must hold one label for each of the {images} images in {}, but holds {labels}",
        .labels_file.display(), .images_file.display()
    )]
    Counts {
        /// The file of the images.
        images_file: PathBuf,
        /// The file of the labels.
        labels_file: PathBuf,
        /// Images there are.
        images: usize,
        /// Labels there are.
        labels: usize,
    },
    /// A list of class names of another length.
    #[error("{} must hold {expected} class names, one a line, but holds {found}", .file.display())]
    ClassNames {
        /// The file.
        file: PathBuf,
        /// Number of classes.
        expected: usize,
        /// Names found.
        found: usize,
    },
    /// A file of another number of folds.
    #[error("{} must hold {expected} folds, one a line, but holds {found}", .file.display())]
    Folds {
        /// The file.
        file: PathBuf,
        /// Number of folds.
        expected: usize,
        /// Lines found that are not blank.
        found: usize,
    },
    /// A fold with something that is no index of a picture.
    #[error(
        "fold {fold} in {} must be indices from 0 that are below {images}, but holds {found:?}",
        .file.display()
    )]
    FoldIndex {
        /// The file.
        file: PathBuf,
        /// Which fold, from 0.
        fold: usize,
        /// Number of pictures.
        images: usize,
        /// The word found, or its beginning.
        found: String,
    },
    /// A fold that holds a picture twice.
    #[error("fold {fold} in {} must hold no picture twice, but holds picture {index} again", .file.display())]
    FoldRepeats {
        /// The file.
        file: PathBuf,
        /// Which fold, from 0.
        fold: usize,
        /// The picture that comes again.
        index: usize,
    },
    /// A text file that is not text.
    #[error("{} must be text in UTF-8, but is not from byte {valid} on", .file.display())]
    Text {
        /// The file.
        file: PathBuf,
        /// Bytes that are text.
        valid: usize,
    },
}
