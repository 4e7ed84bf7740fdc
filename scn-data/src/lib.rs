//! Image data sets, from the bytes of their files to batches for training. Everything happens on
//! the host.
//!
//! A batch of N images is made of the bytes p of the files by
//!
//! ```text
//! x[n, c, i, j] = (p[image(n), c, i', j'] - mean[c, i', j']) * scale,        (i', j') = place(n, i, j)
//! ```
//!
//! or, with contrast normalisation c and whitening W, `x = place(W ((c(p) - mean) * scale))`. Here
//! `image` is a random order of the training images, drawn anew for each epoch, and `place` a
//! random flip and shift of the picture, with 0 outside it. Evaluation takes the images in order
//! and unchanged. Mean and scale are those of the training images (section 5 of the paper, arXiv
//! 1701.08349).
//!
//! # From files to batches
//! 1. [`open`] reads a [`DatasetName`] into a [`Dataset`]: two [`ImageSet`]s of bytes in the order
//!    N, C, H, W. [`open_source`] reads any [`DataSource`], folders of your own pictures and arrays
//!    of numpy included; [`Dataset::new`] takes image sets from anywhere. [`mod@format`] describes
//!    the files; the digits are embedded in this crate and need none. [`split`] sets images apart; [`format::npy::map`] and
//!    [`format::mnist::map`] leave the pixels of files
//!    larger than memory where they are. With the feature `fetch`, the module `fetch` downloads the
//!    other data sets.
//! 2. [`Normalization::fit`] computes mean, scale and whitening as [`NormalizationConfig`] says. It
//!    is applied to both sets and stored with a model. [`Normalization::fit_watched`] says how far it
//!    has come, and can be stopped.
//! 3. [`Loader::training`] and [`Loader::in_order`] cut a set into [`Batch`]es; the former shuffles
//!    it and varies the images by an [`Augmentation`]. [`Loader::epoch`] iterates over them while a
//!    thread makes the next ones. [`Subset`] makes a set smaller before that; [`LastBatch`] says
//!    whether images that do not fill a batch are kept. [`Loader::plans`] iterates over the same
//!    batches as [`BatchPlan`]s, which say what is in them, for programs that make them elsewhere.
//!
//! [`PatchGrid`] cuts pictures into overlapping patches, and [`PatchAverage`] makes pictures of them again.
//!
//! Every function that can fail returns a [`DataError`], whose variants hold the errors of files,
//! pictures, sets of images, normalisations and batches.
//!
//! ```
//! use std::{path::Path, sync::Arc};
//! use scn_data::{Augmentation, DatasetName, LastBatch, Loader, Normalization, NormalizationConfig};
//!
//! let digits = scn_data::open(DatasetName::Digits, Path::new(""))?;
//! assert_eq!((digits.train.len(), digits.test.len(), digits.train.shape()), (1437, 360, [1, 8, 8]));
//!
//! let normalization = Arc::new(Normalization::fit(&digits.train, NormalizationConfig::default())?);
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
//! # What can be relied on
//! - The same seed gives the same bits, on any machine and with any number of threads; an epoch
//!   that is resumed at batch k gives the batches that the whole epoch would have given. With
//!   whitening the machines must have the same kind of processor: sums over a matrix are in the
//!   order that suits it.
//! - A file that is missing, cut short, too long, of another kind or inconsistent is a
//!   [`DataError`] that names it. No bytes make a parser panic, or allocate more than the bytes
//!   justify (a PNG or JPEG picture: than a bound).

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
