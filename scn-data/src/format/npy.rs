//! Pairs of numpy arrays: `NAME-images.npy` and `NAME-labels.npy`.
//!
//! | | shape | types |
//! |---|---|---|
//! | images | N, H, W (grey) or N, C, H, W | `uint8` |
//! | labels | N | `uint8` to `uint64` or `int8` to `int64`, of either byte order |
//!
//! Both in C order, as `numpy.save` writes an array that has not been transposed; versions 1 to 3
//! of the [format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): the
//! bytes `\x93NUMPY`, the version in two bytes, the length of the header in two or (from version 2
//! on) four, little-endian, the header as a Python dictionary, and the values.
//!
//! The header is read here and not by the crate `npyz`: that one recurses into nested brackets and
//! multiplies sizes without looking for overflow, so some bytes would make it panic.
//!
//! [`Numbers`] reads arrays of any shape as floating point numbers, [`ColumnFile`] a matrix block by block; [`train_and_test`] reads a whole
//! data set of four files, whose images may be floating point numbers too.

mod archive;
mod columns;
mod halves;
mod header;
mod numbers;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::archive::is_archive;
pub use self::columns::ColumnFile;
pub use self::halves::train_and_test;
use self::header::{Header, read_head};
pub use self::numbers::{Float, Kind, Numbers};
use super::{Contents, check_counts, read, unreadable};
use crate::error::{DataError, FileError, ImageError};
use crate::files::open_regular;
use crate::images::{ImageSet, volume};
use crate::pixels::Pixels;

/// Images and labels of the files `NAME-images.npy` and `NAME-labels.npy` in `folder`.
///
/// # Errors
/// [`FileError::Unreadable`] for a file that is not there or cannot be read, and those of
/// [`images_with_labels`].
pub fn open(
    folder: &Path,
    name: &str,
    class_names: impl Into<Arc<[String]>>,
) -> Result<ImageSet, DataError> {
    let [images_file, labels_file] = files(folder, name);
    let (mut images, labels) = (read(&images_file)?, read(&labels_file)?);
    let (pixels, shape) = self::images(Contents::new(&images, &images_file))?;
    // In place: a copy would need as much memory again.
    images.drain(..images.len() - pixels.len());
    let pixels = Pixels::Owned(images);
    let labels = Contents::new(&labels, &labels_file);
    with_labels(pixels, shape, &images_file, labels, class_names.into())
}

/// [`open`] for files of any length: the pixels stay in theirs.
///
/// They are read when they are looked at, so that they can be more than memory holds. While the set
/// or a clone of it is there, the file must stay as it is: what another process writes into it
/// changes the pixels, and if it is cut short, the system ends this process where it looks at a
/// pixel that is gone.
///
/// # Errors
/// Those of [`open`]; [`FileError::Unreadable`] also for a file that cannot be mapped.
pub fn map(
    folder: &Path,
    name: &str,
    class_names: impl Into<Arc<[String]>>,
) -> Result<ImageSet, DataError> {
    let [images_file, labels_file] = files(folder, name);
    let mut opened = open_regular(&images_file).map_err(unreadable(&images_file))?;
    let head = read_head(&mut opened).map_err(unreadable(&images_file))?;
    let (array, shape) = image_array(Contents::new(&head, &images_file))?;
    let pixels = super::map(&images_file, &opened, array.start as u64, array.count())?;
    let labels = read(&labels_file)?;
    let labels = Contents::new(&labels, &labels_file);
    with_labels(pixels, shape, &images_file, labels, class_names.into())
}

fn files(folder: &Path, name: &str) -> [PathBuf; 2] {
    ["images", "labels"].map(|part| folder.join(format!("{name}-{part}.npy")))
}

/// The image set of an array of images and an array of labels; `class_names[label]` is what a label
/// means.
///
/// # Errors
/// Those of [`images`] and [`labels`]; [`FileError::Counts`] if the two do not belong together;
/// [`ImageError::Classes`] for no class, or too many.
pub fn images_with_labels(
    images: Contents<'_>,
    labels: Contents<'_>,
    class_names: impl Into<Arc<[String]>>,
) -> Result<ImageSet, DataError> {
    let (pixels, shape) = self::images(images)?;
    let pixels = Pixels::Owned(pixels.to_vec());
    with_labels(pixels, shape, images.file, labels, class_names.into())
}

fn with_labels(
    pixels: Pixels,
    shape: [usize; 3],
    images_file: &Path,
    labels: Contents<'_>,
    class_names: Arc<[String]>,
) -> Result<ImageSet, DataError> {
    let values = self::labels(labels, class_names.len())?;
    let count = pixels.as_slice().len() / volume(shape)?;
    check_counts([images_file, labels.file], count, values.len())?;
    Ok(ImageSet::from_pixels(
        pixels,
        shape,
        values,
        class_names,
        255.0,
    )?)
}

/// The pixels of an array of images, N, C, H, W, and the shape C, H, W of each, whose product is
/// positive and countable.
///
/// # Errors
/// [`FileError::NoArray`], [`FileError::Array`] for another shape, type or order,
/// [`FileError::Short`], [`FileError::Long`].
pub fn images(contents: Contents<'_>) -> Result<(&[u8], [usize; 3]), DataError> {
    let (array, shape) = image_array(contents)?;
    Ok((array.values(contents, 1)?, shape))
}

/// What an array of images has to be.
const IMAGES: &str =
    "uint8 images of shape [N, H, W] or [N, C, H, W] with C H W positive and countable";

/// The header of an array of images, and the shape of each.
fn image_array(contents: Contents<'_>) -> Result<(Header<'_>, [usize; 3]), FileError> {
    let array = Header::read_c_order(contents)?;
    let shape = image_shape(&array.shape);
    if array.kind.get(1..) != Some("u1") || volume(shape).is_err() {
        return Err(array.refuse(contents, IMAGES));
    }
    Ok((array, shape))
}

/// Channels, height and width of each image of an array; zeros if it is none of images.
fn image_shape(axes: &[usize]) -> [usize; 3] {
    match *axes {
        [_, height, width] => [1, height, width],
        [_, channels, height, width] => [channels, height, width],
        _ => [0; 3],
    }
}

/// [`labels`] of a file.
///
/// # Errors
/// As there; [`FileError::Unreadable`] for a file that is not there or cannot be read.
pub fn open_labels(file: &Path, classes: usize) -> Result<Vec<u16>, DataError> {
    labels(Contents::new(&read(file)?, file), classes)
}

/// The labels of an array, below `classes`.
///
/// # Errors
/// Those of [`images`]; [`FileError::Label`]; [`ImageError::Classes`] unless `classes` is 1 to
/// 65,536.
pub fn labels(contents: Contents<'_>, classes: usize) -> Result<Vec<u16>, DataError> {
    let last = classes
        .checked_sub(1)
        .and_then(|last| u16::try_from(last).ok())
        .ok_or(ImageError::Classes { found: classes })?;
    let array = Header::read_c_order(contents)?;
    let kind = Kind::from_descr(array.kind).filter(|kind| kind.is_integer());
    let (Some(kind), [_]) = (kind, &*array.shape) else {
        return Err(array.refuse(contents, "integer labels of shape [N]").into());
    };
    let (size, signed) = (kind.size(), kind.is_signed());
    let big_endian = array.is_big_endian();
    let number = |bytes: &[u8]| {
        let most_significant = if big_endian {
            bytes[0]
        } else {
            bytes[size - 1]
        };
        // Eight bytes, filled up with the sign.
        let sign = if signed && most_significant >= 128 {
            0xff
        } else {
            0
        };
        let mut word = [sign; 8];
        if big_endian {
            word[8 - size..].copy_from_slice(bytes);
            word.reverse();
        } else {
            word[..size].copy_from_slice(bytes);
        }
        if signed {
            i64::from_le_bytes(word)
        } else {
            // A number that is too large stays so.
            i64::try_from(u64::from_le_bytes(word)).unwrap_or(i64::MAX)
        }
    };
    array
        .values(contents, size)?
        .chunks_exact(size)
        .map(number)
        .enumerate()
        .map(|(record, value)| Ok(contents.label(record, value, 0, last)?))
        .collect()
}
