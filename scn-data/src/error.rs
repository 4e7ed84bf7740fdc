//! What can be wrong with the files, the images and the settings.

use std::path::PathBuf;

use crate::DatasetName;

/// Why there are no images, or no batches of them.
///
/// Each message is one sentence that says what was expected and what was found; those about a file name it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A name that is no data set's.
    #[error(
        "data set must be one of {}, but is \"{found}\"",
        DatasetName::choices()
    )]
    UnknownDataset {
        /// The name given.
        found: String,
    },

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
    /// More memory is needed than there is.
    #[error(transparent)]
    Memory(#[from] crate::MemoryError),
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
    /// A file that does not decode to a picture.
    #[error(
        "{} must be a whole PNG or JPEG picture of at most {side} x {side} pixels and {mebibytes} MiB, but does not decode",
        .file.display()
    )]
    Picture {
        /// The file.
        file: PathBuf,
        /// Largest height and width.
        side: u32,
        /// Largest size, decoded, in MiB.
        mebibytes: u64,
        /// What the decoder says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file among pictures whose name is no picture's.
    #[error(
        "{} must be a picture with the extension png, jpg or jpeg, but has the extension {found:?}",
        .file.display()
    )]
    PictureExtension {
        /// The file.
        file: PathBuf,
        /// Its extension, empty if it has none.
        found: String,
    },
    /// A grey picture among coloured ones, or the other way round.
    #[error(
        "{} must have as many channels as the first picture, {expected}, but has {found}",
        .file.display()
    )]
    PictureColours {
        /// The file.
        file: PathBuf,
        /// Channels of the first picture.
        expected: usize,
        /// Channels found.
        found: usize,
    },
    /// A folder that should hold pictures and holds none.
    #[error("{} must hold a picture in a folder of a class, but holds none", .folder.display())]
    NoPictures {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder is not there or cannot be listed.
    #[error("{} must be a readable folder, but listing it failed", .folder.display())]
    UnreadableFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file where only the folders of classes belong.
    #[error("{} must be the folder of a class, but is a file", .file.display())]
    NotClassFolder {
        /// The file.
        file: PathBuf,
    },
    /// A class of the training pictures that the test pictures do not have, or the other way round.
    #[error(
        "{} and {} must hold folders of the same classes, but only one holds {class:?}",
        .train_folder.display(), .test_folder.display()
    )]
    ClassFolders {
        /// The folder of the training pictures.
        train_folder: PathBuf,
        /// The folder of the test pictures.
        test_folder: PathBuf,
        /// The first class that is in one of them alone.
        class: String,
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
    ImageLabel {
        /// Which image, from 0.
        image: usize,
        /// The label found.
        value: u16,
        /// Number of classes.
        classes: usize,
    },
    /// An index that is no image's.
    #[error("indices of images must be below their number {images}, but one is {index}")]
    ImageIndex {
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
    /// A pixel brighter than the brightest there can be.
    #[error("pixels must be 0 to {brightest}, but image {image} has a pixel of {value}")]
    Pixel {
        /// Which image, from 0.
        image: usize,
        /// The pixel found.
        value: u8,
        /// Largest value allowed.
        brightest: u8,
    },
    /// A brightest value that leaves only black.
    #[error("the brightest value of a pixel must be at least 1, but is 0")]
    Brightest,

    /// A set without images where some are needed.
    #[error("at least one image is needed, but there is none")]
    NoImages,
    /// Images that do not differ, so that nothing can be divided by their deviation.
    #[error(
        "training pixels must differ from their mean to be divided by their deviation, but all equal it"
    )]
    NoDeviation,
    /// A mean image of another length.
    #[error("the mean image must have {expected} values, but has {found}")]
    MeanLength {
        /// Channels times height times width.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A mean image with a value that is no number.
    #[error("the mean image must be finite, but holds {found}")]
    MeanValue {
        /// The first such value.
        found: f32,
    },
    /// A scale that cannot be divided by.
    #[error("the scale must be finite and positive, but is {found}")]
    ScaleValue {
        /// The scale given.
        found: f32,
    },
    /// A bias that contrast normalisation cannot add to a variance.
    #[error("the bias of contrast normalisation must be finite and positive, but is {found}")]
    ContrastBias {
        /// The bias, in squares of the pixels' own unit.
        found: f64,
    },
    /// An epsilon that whitening cannot add to an eigenvalue.
    #[error("the epsilon of whitening must be finite and positive, but is {found}")]
    WhiteningEpsilon {
        /// The epsilon given.
        found: f64,
    },
    /// Images too large to be whitened.
    #[error("images must have at most {bound} values to be whitened, but have {found}")]
    WhiteningSize {
        /// Most values allowed.
        bound: usize,
        /// Channels times height times width.
        found: usize,
    },
    /// A whitening matrix of another size.
    #[error("the whitening matrix must have {values} x {values} entries, but has {found}")]
    WhiteningLength {
        /// Channels times height times width.
        values: usize,
        /// Entries given.
        found: usize,
    },
    /// A whitening matrix with an entry that is no number.
    #[error("the whitening matrix must be finite, but holds {found}")]
    WhiteningValue {
        /// The first such entry.
        found: f32,
    },
    /// A covariance whose eigenvalues the iteration did not find.
    #[error("the covariance of the training images must have eigenvalues, but none were found")]
    Eigenvalues,
    /// An image, or the room for it, of another length.
    #[error("{what} must have {expected} values, but has {found}")]
    ImageLength {
        /// The image or the room for the result.
        what: &'static str,
        /// Channels times height times width.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A normalisation fitted to images of another shape.
    #[error("the normalisation must be for images of shape {expected:?}, but is for {found:?}")]
    NormalizationShape {
        /// Shape of the images.
        expected: [usize; 3],
        /// Shape of the mean image.
        found: [usize; 3],
    },
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
}
