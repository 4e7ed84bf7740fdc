//! The file formats of the data sets.
//!
//! Every parser is a function of [`Contents`]: bytes, and the path to name in an error. Parsers
//! never panic, whatever the bytes, and never trust a header for an allocation: memory grows with
//! the bytes that exist. Only PNG and JPEG files may unpack to more, up to a bound stated in the
//! module `pictures`.

pub mod cifar;
pub mod class_names;
pub mod idx;
mod mat;
pub mod mnist;
pub mod npy;
#[cfg(feature = "pictures")]
pub mod pictures;
pub mod stl10;
pub mod svhn;

use std::cmp::Ordering;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::FileError;
use crate::files::read_regular;
use crate::mapped::Mapped;
use crate::pixels::Pixels;

/// The bytes of a file, and its path for errors.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Contents<'a> {
    /// The whole file.
    pub bytes: &'a [u8],
    /// The path of the file.
    pub file: &'a Path,
}

impl<'a> Contents<'a> {
    /// Combines the bytes of a file with its path.
    pub fn new(bytes: &'a [u8], file: &'a Path) -> Self {
        Self { bytes, file }
    }

    /// Splits the file into one or more records of `length` bytes.
    pub(crate) fn records(
        self,
        length: usize,
    ) -> Result<std::slice::ChunksExact<'a, u8>, FileError> {
        let (file, found) = (|| self.file.to_owned(), self.bytes.len() as u64);
        if self.bytes.len() < length {
            return Err(FileError::Short {
                file: file(),
                expected: length as u64,
                found,
            });
        }
        let records = self.bytes.chunks_exact(length);
        if !records.remainder().is_empty() {
            return Err(FileError::PartialRecord {
                file: file(),
                record: length as u64,
                found,
            });
        }
        Ok(records)
    }

    /// Checks that the file has as many bytes, unpacked, as its header promises.
    pub(crate) fn check_length(self, expected: u64, found: u64) -> Result<(), FileError> {
        let file = || self.file.to_owned();
        match found.cmp(&expected) {
            Ordering::Equal => Ok(()),
            Ordering::Less => Err(FileError::Short {
                file: file(),
                expected,
                found,
            }),
            Ordering::Greater => Err(FileError::Long {
                file: file(),
                expected,
                found,
            }),
        }
    }

    /// Returns the file as text.
    pub(crate) fn text(self) -> Result<&'a str, FileError> {
        std::str::from_utf8(self.bytes).map_err(|error| FileError::Text {
            file: self.file.to_owned(),
            valid: error.valid_up_to(),
        })
    }

    /// Returns `value` as a label if it lies in `first..=last`.
    pub(crate) fn label(
        self,
        record: usize,
        value: impl Into<i64>,
        first: u16,
        last: u16,
    ) -> Result<u16, FileError> {
        let value = value.into();
        match u16::try_from(value) {
            Ok(label) if (first..=last).contains(&label) => Ok(label),
            _ => Err(FileError::Label {
                file: self.file.to_owned(),
                record,
                value,
                first,
                last,
            }),
        }
    }
}

/// Checks that there are as many labels as images.
fn check_counts(
    [images_file, labels_file]: [&Path; 2],
    images: usize,
    labels: usize,
) -> Result<(), FileError> {
    if images == labels {
        return Ok(());
    }
    Err(FileError::Counts {
        images_file: images_file.to_owned(),
        labels_file: labels_file.to_owned(),
        images,
        labels,
    })
}

/// Transposes every plane of `side` x `side` pixels in place.
fn stand_upright(pixels: &mut [u8], side: usize) {
    for plane in pixels.chunks_exact_mut(side * side) {
        for y in 0..side {
            for x in 0..y {
                plane.swap(y * side + x, x * side + y);
            }
        }
    }
}

/// Reads a whole file.
fn read(file: &Path) -> Result<Vec<u8>, FileError> {
    read_regular(file).map_err(unreadable(file))
}

/// Turns an I/O error into one that names the file.
fn unreadable(file: &Path) -> impl Fn(std::io::Error) -> FileError {
    |source| FileError::Unreadable {
        file: file.to_owned(),
        source,
    }
}

/// Maps the `count` pixels between the byte `start` and the end of `opened`.
fn map(file: &Path, opened: &File, start: u64, count: u64) -> Result<Pixels, FileError> {
    let found = opened.metadata().map_err(unreadable(file))?.len();
    Contents::new(&[], file).check_length(start.saturating_add(count), found)?;
    // Not every system supports empty maps.
    if count == 0 {
        return Ok(Pixels::Owned(Vec::new()));
    }
    usize::try_from(count)
        .map_err(|_| ErrorKind::FileTooLarge.into())
        .and_then(|count| Mapped::new(opened, start, count))
        .map(Pixels::Mapped)
        .map_err(unreadable(file))
}
