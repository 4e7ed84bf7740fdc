//! The unlabelled pictures, `unlabeled_X.bin`: 2.7 GB, and so read batch by batch.

use std::fs::File;
use std::io::Read;
use std::iter::FusedIterator;
use std::path::{Path, PathBuf};

use super::{PIXELS, SIDE};
use crate::dataset_name::DatasetName;
use crate::error::{BatchError, DataError, FileError};
use crate::folder::Folder;
use crate::format::stand_upright;

/// Batches of the unlabelled pictures, in the order of the file.
///
/// Each is the pixels of the next `batch_size` pictures, upright, N, C, H, W with C = 3 and H = W =
/// 96; the last one may have fewer. One batch is in memory at a time. After an error there are no
/// more.
///
/// # Errors
/// [`FileError::Short`] for a file without a picture, [`FileError::PartialRecord`] for one that
/// ends inside a picture, in place of the batch that picture would be in, [`FileError::Unreadable`]
/// if reading fails.
#[derive(Debug)]
pub struct Unlabelled<R> {
    reader: R,
    file: PathBuf,
    batch_bytes: u64,
    /// Bytes read up to now.
    read: u64,
    ended: bool,
}

impl<R: Read> Unlabelled<R> {
    /// The pictures that `reader` gives, in batches of `batch_size`; `file` is what an error calls
    /// it.
    ///
    /// # Errors
    /// [`BatchError::BatchSize`] if `batch_size` is 0.
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

    /// The next batch; none at the end of the file.
    fn batch(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let file = || self.file.clone();
        // Room is made as bytes come, so that a batch larger than the file needs no more than the
        // file.
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

/// The unlabelled pictures in the folder `stl10_binary` of the folder `data`: 100,000 in the
/// official archive.
///
/// # Errors
/// [`FileError::Missing`], [`FileError::Unreadable`], [`BatchError::BatchSize`] if `batch_size` is
/// 0.
pub fn open_unlabelled(data: &Path, batch_size: usize) -> Result<Unlabelled<File>, DataError> {
    let (file, reader) = Folder::new(DatasetName::Stl10, data).open("unlabeled_X.bin")?;
    Unlabelled::new(reader, &file, batch_size)
}
