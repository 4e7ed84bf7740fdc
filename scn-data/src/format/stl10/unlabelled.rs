//! The unlabelled images, `unlabeled_X.bin`: 2.7 GB, and therefore read batch by batch.

use std::fs::File;
use std::io::Read;
use std::iter::FusedIterator;
use std::path::{Path, PathBuf};

use super::{PIXELS, SIDE};
use crate::dataset_name::DatasetName;
use crate::error::{BatchError, DataError, FileError};
use crate::folder::Folder;
use crate::format::stand_upright;

/// Batches of the unlabelled images, in the order of the file.
///
/// Each batch is the pixels of the next `batch_size` images, upright, N, C, H, W, where C, H, W are
/// 3, 96, 96. The last batch may be smaller. One batch at a time is in memory. The iterator ends
/// after an error.
///
/// # Errors
/// Yields [`FileError::Short`] if the file has no complete image, [`FileError::PartialRecord`] in
/// place of a batch with an incomplete image, and [`FileError::Unreadable`] if reading fails.
#[derive(Debug)]
pub struct Unlabelled<R> {
    reader: R,
    file: PathBuf,
    batch_bytes: u64,
    /// Number of bytes read so far.
    read: u64,
    ended: bool,
}

impl<R: Read> Unlabelled<R> {
    /// Creates batches of `batch_size` images from `reader`. `file` is its name in errors.
    ///
    /// # Errors
    /// Returns [`BatchError::BatchSize`] if `batch_size` is 0.
    pub fn new(reader: R, file: &Path, batch_size: usize) -> Result<Self, DataError> {
        if batch_size == 0 {
            return Err(BatchError::BatchSize.into());
        }
        Ok(Self {
            reader,
            file: file.to_owned(),
            batch_bytes: (batch_size as u64).saturating_mul(PIXELS as u64),
            read: 0,
            ended: false,
        })
    }

    /// Reads the next batch; `None` at the end of the file.
    fn batch(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let file = || self.file.clone();
        // Memory is allocated as bytes arrive, so a batch larger than the file takes no more than
        // the file.
        let mut pixels = Vec::new();
        let read = self
            .reader
            .by_ref()
            .take(self.batch_bytes)
            .read_to_end(&mut pixels)
            .map_err(|source| FileError::Unreadable {
                file: file(),
                source,
            })?;
        self.read += read as u64;
        if self.read < PIXELS as u64 {
            return Err(FileError::Short {
                file: file(),
                expected: PIXELS as u64,
                found: self.read,
            });
        }
        if !pixels.len().is_multiple_of(PIXELS) {
            return Err(FileError::PartialRecord {
                file: file(),
                record: PIXELS as u64,
                found: self.read,
            });
        }
        stand_upright(&mut pixels, SIDE);
        Ok(Some(pixels).filter(|pixels| !pixels.is_empty()))
    }
}

impl<R: Read> Iterator for Unlabelled<R> {
    type Item = Result<Vec<u8>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.batch().transpose();
        self.ended = !matches!(batch, Some(Ok(_)));
        batch.map(|batch| batch.map_err(DataError::from))
    }
}

impl<R: Read> FusedIterator for Unlabelled<R> {}

/// Opens the unlabelled images in the folder `stl10_binary` inside `data`: 100,000 in the official
/// archive.
///
/// # Errors
/// Returns [`FileError::Missing`] if the file does not exist, [`FileError::Unreadable`] if it
/// cannot be opened, and [`BatchError::BatchSize`] if `batch_size` is 0.
pub fn open_unlabelled(data: &Path, batch_size: usize) -> Result<Unlabelled<File>, DataError> {
    let (file, reader) = Folder::new(DatasetName::Stl10, data).open("unlabeled_X.bin")?;
    Unlabelled::new(reader, &file, batch_size)
}
