//! Pairs of numpy arrays: `NAME-images.npy` and `NAME-labels.npy`.
//!
//! | | shape | types |
//! |---|---|---|
//! | images | N, H, W (grey) or N, C, H, W | `uint8` |
//! | labels | N | `uint8` to `uint64` or `int8` to `int64`, of either byte order |
//!
//! Both are in C order, as `numpy.save` writes an array that has not been transposed. Versions 1 to
//! 3 of the [format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html) are
//! supported: the bytes `\x93NUMPY`, the version in two bytes, the length of the header in two or
//! (from version 2 on) four bytes, little-endian, the header as a Python dictionary, and the
//! values.
//!
//! The header is parsed here instead of by the crate `npyz`, which recurses into nested brackets
//! and multiplies sizes without overflow checks, so some bytes would make it panic.
//!
//! [`Numbers`] reads arrays of any shape as floating point numbers, and [`ColumnFile`] reads a
//! matrix block by block. [`train_and_test`] reads a whole data set of four files, whose images may
//! also be floating point numbers.

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

/// Reads the images and labels in the files `NAME-images.npy` and `NAME-labels.npy` in `folder`.
///
/// # Errors
/// Returns [`FileError::Unreadable`] if a file does not exist or cannot be read, and the errors of
/// [`images_with_labels`].
pub fn open(
    folder: &Path,
    name: &str,
    class_names: impl Into<Arc<[String]>>,
) -> Result<ImageSet, DataError> {
    let [images_file, labels_file] = files(folder, name);
    let (mut images, labels) = (read(&images_file)?, read(&labels_file)?);
    let (pixels, shape) = self::images(Contents::new(&images, &images_file))?;
    // In place, because a copy would need as much memory again.
    images.drain(..images.len() - pixels.len());
    let pixels = Pixels::Owned(images);
    let labels = Contents::new(&labels, &labels_file);
    with_labels(pixels, shape, &images_file, labels, class_names.into())
}

/// Same as [`open`], but leaves the pixels in their file.
///
/// Pixels are read on access, so they may exceed memory. The file must not change while the set or
/// a clone of it exists. Bytes that another process writes to it change the pixels, and if it is
/// truncated, the system ends this process on access to a missing pixel.
///
/// # Errors
/// Same as [`open`]. [`FileError::Unreadable`] is also returned if a file cannot be mapped.
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

/// Creates an image set from an array of images and an array of labels.
///
/// `class_names[label]` is the meaning of a label.
///
/// # Errors
/// Returns the errors of [`images`] and [`labels`], [`FileError::Counts`] if the numbers of images
/// and labels differ, and [`ImageError::Classes`] if there are no classes or too many.
///
/// # Example
///
/// ```
/// use std::path::Path;
/// use scn_data::format::{Contents, npy};
///
/// // Two grey images of 1 x 2 pixels, as in files written by numpy.save.
/// let mut images = npy::Kind::U1.head(&[2, 1, 2], false);
/// images.extend([0, 50, 100, 150]);
/// let mut labels = npy::Kind::U1.head(&[2], false);
/// labels.extend([1, 0]);
///
/// let images = Contents::new(&images, Path::new("x-images.npy"));
/// let labels = Contents::new(&labels, Path::new("x-labels.npy"));
/// let names = ["dark", "bright"].map(str::to_owned);
/// let set = npy::images_with_labels(images, labels, names)?;
/// assert_eq!((set.shape(), set.labels()), ([1, 1, 2], &[1, 0][..]));
/// assert_eq!(set.image(1).bytes(), Some(&[100, 150][..]));
/// # Ok::<(), scn_data::DataError>(())
/// ```
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

/// Returns the pixels of an array of images, N, C, H, W, and the shape C, H, W of each image.
///
/// The product of the shape is positive and fits into a `usize`.
///
/// # Errors
/// Returns [`FileError::NoArray`] if the file is not an array, [`FileError::Array`] if the array
/// has a different shape, type or order, and [`FileError::Short`] or [`FileError::Long`] if the
/// length does not match the header.
pub fn images(contents: Contents<'_>) -> Result<(&[u8], [usize; 3]), DataError> {
    let (array, shape) = image_array(contents)?;
    Ok((array.values(contents, 1)?, shape))
}

/// Description of an array of images.
const IMAGES: &str =
    "uint8 images of shape [N, H, W] or [N, C, H, W] with C H W positive and countable";

/// Reads the header of an array of images, and the shape of each image.
fn image_array(contents: Contents<'_>) -> Result<(Header<'_>, [usize; 3]), FileError> {
    let array = Header::read_c_order(contents)?;
    let shape = image_shape(&array.shape);
    if array.kind.get(1..) != Some("u1") || volume(shape).is_err() {
        return Err(array.refuse(contents, IMAGES));
    }
    Ok((array, shape))
}

/// Channels, height and width of each image of an array; zeros if it is not an array of images.
fn image_shape(axes: &[usize]) -> [usize; 3] {
    match *axes {
        [_, height, width] => [1, height, width],
        [_, channels, height, width] => [channels, height, width],
        _ => [0; 3],
    }
}

/// Reads [`labels`] from a file.
///
/// # Errors
/// Same as [`labels`]. Also returns [`FileError::Unreadable`] if the file does not exist or cannot
/// be read.
pub fn open_labels(file: &Path, classes: usize) -> Result<Vec<u16>, DataError> {
    labels(Contents::new(&read(file)?, file), classes)
}

/// Returns the labels of an array, below `classes`.
///
/// # Errors
/// Same as [`images`]. Also returns [`FileError::Label`] if a label is not below `classes`, and
/// [`ImageError::Classes`] unless `classes` is 1 to 65,536.
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
        // Sign-extended to eight bytes.
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
            // A number beyond `i64` is still too large for a label.
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
