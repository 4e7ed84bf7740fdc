//! IDX, the format of MNIST: a big-endian header, and one byte per value.
//!
//! | | images | labels |
//! |---|---|---|
//! | bytes 0-3 | 2051 | 2049 |
//! | bytes 4-7 | count | count |
//! | bytes 8-11, 12-15 | rows, columns | |
//! | then | count x rows x columns pixels, row by row | count labels |
//!
//! A file may be compressed by gzip, like the official ones. This is detected by its first two
//! bytes, not by its name.

use std::io::{ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{Contents, map, unreadable};
use crate::error::{DataError, FileError};
use crate::files::open_regular;
use crate::pixels::Pixels;

const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Length of the header of images.
const HEADER: u64 = 16;

/// Returns the pixels of an IDX file of images, N, H, W.
///
/// `size` is the height and width that the images must have.
///
/// # Errors
/// Returns [`FileError::Kind`] if the file starts with a different number,
/// [`FileError::PictureSize`] if the images have a different size, [`FileError::Short`] or
/// [`FileError::Long`] if the length does not match the header, and [`FileError::Gzip`] if the file
/// cannot be unpacked.
pub fn images(contents: Contents<'_>, size: [usize; 2]) -> Result<Vec<u8>, DataError> {
    let pixels = with_reader(contents, |reader| {
        let promised = count_pixels(contents, reader, size)?;
        body(contents, reader, HEADER, promised)
    })?;
    Ok(pixels)
}

/// Same as [`images`], for an uncompressed file whose pixels are mapped into memory.
pub(super) fn map_images(file: &Path, size: [usize; 2]) -> Result<Pixels, FileError> {
    let mut opened = open_regular(file).map_err(unreadable(file))?;
    let mut head = Vec::new();
    (&mut opened)
        .take(HEADER)
        .read_to_end(&mut head)
        .map_err(unreadable(file))?;
    if head.starts_with(&GZIP) {
        return Err(FileError::Packed {
            file: file.to_owned(),
        });
    }
    let count = count_pixels(Contents::new(&head, file), &mut &head[..], size)?;
    map(file, &opened, HEADER, count)
}

/// Returns the number of pixels that the header of images promises, if the images have the right
/// size.
fn count_pixels(
    contents: Contents<'_>,
    reader: &mut dyn Read,
    size: [usize; 2],
) -> Result<u64, FileError> {
    let [count, rows, columns] = header(contents, reader, "images in IDX format", 2051)?;
    let found = [rows as usize, columns as usize];
    if found != size {
        return Err(FileError::PictureSize {
            file: contents.file.to_owned(),
            expected: size,
            found,
        });
    }
    Ok(u64::from(count)
        .saturating_mul(u64::from(rows))
        .saturating_mul(u64::from(columns)))
}

/// Returns the labels of an IDX file of labels, below `classes`.
///
/// # Errors
/// Returns [`FileError::Kind`] if the file starts with a different number, [`FileError::Label`] if
/// a label is not below `classes`, [`FileError::Short`] or [`FileError::Long`] if the length does
/// not match the header, and [`FileError::Gzip`] if the file cannot be unpacked.
pub fn labels(contents: Contents<'_>, classes: u16) -> Result<Vec<u16>, DataError> {
    let values = with_reader(contents, |reader| {
        let [count] = header(contents, reader, "labels in IDX format", 2049)?;
        body(contents, reader, 8, u64::from(count))
    })?;
    let last = classes.saturating_sub(1);
    values
        .iter()
        .enumerate()
        .map(|(record, &value)| Ok(contents.label(record, value, 0, last)?))
        .collect()
}

/// Calls `parse` with a reader of the bytes, which unpacks them if they are compressed.
fn with_reader<T>(
    contents: Contents<'_>,
    parse: impl FnOnce(&mut dyn Read) -> Result<T, FileError>,
) -> Result<T, FileError> {
    if contents.bytes.starts_with(&GZIP) {
        parse(&mut MultiGzDecoder::new(contents.bytes))
    } else {
        let mut plain = contents.bytes;
        parse(&mut plain)
    }
}

/// Reads the sizes after the number that identifies the kind.
fn header<const SIZES: usize>(
    contents: Contents<'_>,
    reader: &mut dyn Read,
    what: &'static str,
    kind: u32,
) -> Result<[u32; SIZES], FileError> {
    let file = || contents.file.to_owned();
    let length = 4 + 4 * SIZES as u64;
    // The kind is checked first, so that a short file of a different kind is reported as such.
    let bytes = read_up_to(contents, reader, length)?;
    let mut numbers = bytes
        .chunks_exact(4)
        .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    let short = || FileError::Short {
        file: file(),
        expected: length,
        found: bytes.len() as u64,
    };
    let found = numbers.next().ok_or_else(short)?;
    if found != kind {
        return Err(FileError::Kind {
            file: file(),
            what,
            expected: kind,
            found,
        });
    }
    let mut sizes = [0; SIZES];
    for size in &mut sizes {
        *size = numbers.next().ok_or_else(short)?;
    }
    Ok(sizes)
}

/// Reads the `promised` bytes after the header, and checks that the file ends there.
fn body(
    contents: Contents<'_>,
    reader: &mut dyn Read,
    header: u64,
    promised: u64,
) -> Result<Vec<u8>, FileError> {
    // One more byte is requested. It reveals a file that is too long, and its absence makes gzip
    // verify the checksum.
    let bytes = read_up_to(contents, reader, promised.saturating_add(1))?;
    let (expected, found) = (header.saturating_add(promised), header + bytes.len() as u64);
    contents.check_length(expected, found)?;
    Ok(bytes)
}

/// Reads at most `limit` bytes. Memory is allocated as they arrive.
fn read_up_to(
    contents: Contents<'_>,
    reader: &mut dyn Read,
    limit: u64,
) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    match reader.take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(source) if source.kind() == ErrorKind::OutOfMemory => Err(FileError::Unreadable {
            file: contents.file.to_owned(),
            source,
        }),
        Err(source) => Err(FileError::Gzip {
            file: contents.file.to_owned(),
            source,
        }),
    }
}
