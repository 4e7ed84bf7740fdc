//! Image data sets for training, from file bytes to batches. Everything runs on the host.
//!
//! A batch of N images is computed from the bytes p of the files by
//!
//! ```text
//! x[n, c, i, j] = (p[image(n), c, i', j'] - mean[c, i', j']) * scale,  (i', j') = place(n, i, j)
//! ```
//!
//! or, with contrast normalisation c and whitening W, `x = place(W ((c(p) - mean) * scale))`. Here
//! `image` is a random order of the training images, redrawn for each epoch, and `place` a random
//! flip and shift of the image, padded with 0. For evaluation, images are in order and unchanged.
//! Mean and scale are computed from the training images (section 5 of the paper, arXiv 1701.08349).
//!
//! # From files to batches
//! 1. [`open`] reads a [`DatasetName`] into a [`Dataset`]: two [`ImageSet`]s of bytes in the order
//!    N, C, H, W. [`open_source`] reads any [`DataSource`], including your own image folders and
//!    numpy arrays; [`Dataset::new`] takes image sets from anywhere. [`mod@format`] describes the
//!    files; the digits are embedded in this crate and need none. [`split`] sets images apart.
//!    [`format::npy::map`] and [`format::mnist::map`] leave the pixels in their file, which may be
//!    larger than memory. With the feature `fetch`, the module `fetch` downloads the other data
//!    sets.
//! 2. [`Normalization::fit`] computes mean, scale and whitening according to
//!    [`NormalizationConfig`]. The normalisation is applied to both sets and stored with a model.
//!    [`Normalization::fit_watched`] reports progress and can be stopped.
//! 3. [`Loader::training`] and [`Loader::in_order`] cut a set into [`Batch`]es; the former shuffles
//!    it and varies the images by an [`Augmentation`]. [`Loader::epoch`] iterates over the batches
//!    while a thread makes the next ones. [`Subset`] reduces a set before that, and [`LastBatch`]
//!    determines whether images that do not fill a batch are kept. [`Loader::plans`] iterates over
//!    the same batches as [`BatchPlan`]s, which describe their contents, for programs that make the
//!    batches elsewhere.
//!
//! [`PatchGrid`] cuts images into overlapping patches, and [`PatchAverage`] reassembles images from
//! them.
//!
//! Every function that can fail returns a [`DataError`], whose variants hold the errors of files,
//! image files, image sets, normalisations and batches.
//!
//! ```
//! use std::{path::Path, sync::Arc};
//! use scn_data::{Augmentation, DatasetName, LastBatch, Loader};
//! use scn_data::{Normalization, NormalizationConfig};
//!
//! let digits = scn_data::open(DatasetName::Digits, Path::new(""))?;
//! assert_eq!((digits.train.len(), digits.test.len()), (1437, 360));
//! assert_eq!(digits.train.shape(), [1, 8, 8]);
//!
//! let config = NormalizationConfig::default();
//! let normalization = Arc::new(Normalization::fit(&digits.train, config)?);
//! let augmentation = Augmentation::default().with_shift(1);
//! let seed = 7;
//! let loader = Loader::training(Arc::new(digits.train), normalization, augmentation, 128, seed)?;
//! for batch in loader.epoch(0, 0) {
//!     assert_eq!(batch.shape[1..], [1, 8, 8]);
//!     assert_eq!(batch.pixels.len(), batch.labels.len() * 64);
//! }
//! assert_eq!(loader.epoch(0, 0).len(), 12); // the last batch is smaller: 1437 = 11 * 128 + 29
//! let loader = loader.with_last_batch(LastBatch::Dropped)?;
//! assert_eq!(loader.epoch(0, 0).len(), 11);
//! # Ok::<(), scn_data::DataError>(())
//! ```
//!
//! # Guarantees
//! - The same seed gives bit-identical batches on any machine and with any number of threads. An
//!   epoch that is resumed at batch k gives the remaining batches of the whole epoch. With
//!   whitening, the machines must have the same kind of CPU, which determines the order of
//!   matrix sums.
//! - A file that is missing, truncated, too long, of a different kind or inconsistent is reported
//!   as a [`DataError`] that names it. Parsers never panic, and never allocate more than the bytes
//!   justify (for a PNG or JPEG file: more than a fixed bound).

mod augment;
mod batch;
mod contrast;
mod data_source;
mod dataset;
mod dataset_name;
mod digits;
mod draws;
mod epoch;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
mod files;
mod fit_share;
mod folder;
pub mod format;
mod gram;
mod groups;
mod images;
mod loader;
mod lock;
mod maker;
mod mapped;
mod memory;
mod mixup;
mod noise;
mod normalize;
mod open;
mod open_source;
mod patches;
mod picture_config;
mod pixels;
mod placed_file;
mod recipe;
mod split;
mod spread;
mod statistics;
mod subset;
mod watch;
mod whiten;
mod whole_file;

pub use augment::{Augmentation, Draw, Placement};
pub use batch::{Batch, BatchPlan, Mixture, PlannedMixture};
pub use data_source::{DataSource, UnknownSource};
pub use dataset::Dataset;
pub use dataset_name::{DatasetName, UnknownDataset};
pub use epoch::{Epoch, Plans};
pub use error::{
    BatchError, DataError, FileError, ImageError, NormalizationError, PatchError, PictureError,
    SourceError,
};
pub use files::{open_regular, read_regular, read_small, read_text, sync_folder};
pub use fit_share::FitShare;
pub use groups::groups;
pub use images::ImageSet;
pub use loader::Loader;
pub use lock::FileLock;
pub use memory::{MemoryError, bytes_of, check_memory};
pub use normalize::{Mean, Normalization, NormalizationConfig, Scale};
pub use open::open;
pub use open_source::{Reading, open_source};
pub use patches::{PatchAverage, PatchGrid};
pub use picture_config::{Colours, Fit, PictureConfig};
pub use pixels::PixelSlice;
pub use placed_file::PlacedFile;
pub use recipe::LastBatch;
pub use split::{Part, split};
pub use spread::spread;
pub use subset::Subset;
pub use watch::{FitProgress, FitStage};
pub use whole_file::{remove_unfinished, write_whole};

/// The examples in README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
