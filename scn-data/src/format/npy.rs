//! Pairs of numpy arrays: `NAME-images.npy` and `NAME-labels.npy`.
//!
//! | | shape | types |
//! |---|---|---|
//! | images | N, H, W (grey) or N, C, H, W | `uint8` |
//! | labels | N | `uint8`, `uint16`, `int32` or `int64`, of either byte order |
//!
//! Both in C order, as `numpy.save` writes an array that has not been transposed; versions 1 to 3 of the
//! [format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html): the bytes `\x93NUMPY`, the
//! version in two bytes, the length of the header in two or (from version 2 on) four, little-endian, the header as a
//! Python dictionary, and the values.
//!
//! The header is read here and not by the crate `npyz`: that one recurses into nested brackets and multiplies sizes
//! without looking for overflow, so some bytes would make it panic.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Contents, check_counts, read, unreadable};
use crate::images::{Pixels, volume};
use crate::{DataError, ImageSet, open_regular};

/// Images and labels of the files `NAME-images.npy` and `NAME-labels.npy` in `folder`.
///
/// # Errors
/// [`DataError::Unreadable`] for a file that is not there or cannot be read, and those of [`images_with_labels`].
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
/// They are read when they are looked at, so that they can be more than memory holds. While the set or a clone of it is
/// there, the file must stay as it is: what another process writes into it changes the pixels, and if it is cut short,
/// the system ends this process where it looks at a pixel that is gone.
///
/// # Errors
/// Those of [`open`]; [`DataError::Unreadable`] also for a file that cannot be mapped.
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

/// The image set of an array of images and an array of labels; `class_names[label]` is what a label means.
///
/// # Errors
/// Those of [`images`] and [`labels`]; [`DataError::Counts`] if the two do not belong together;
/// [`DataError::Classes`] for no class, or too many.
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
    let count = pixels.len() / volume(shape)?;
    check_counts([images_file, labels.file], count, values.len())?;
    ImageSet::from_pixels(pixels, shape, values, class_names, u8::MAX)
}

/// The pixels of an array of images, N, C, H, W, and the shape C, H, W of each, whose product is positive and countable.
///
/// # Errors
/// [`DataError::NoArray`], [`DataError::Array`] for another shape, type or order, [`DataError::Short`],
/// [`DataError::Long`].
pub fn images(contents: Contents<'_>) -> Result<(&[u8], [usize; 3]), DataError> {
    let (array, shape) = image_array(contents)?;
    Ok((array.values(contents, 1)?, shape))
}

/// The header of an array of images, and the shape of each.
fn image_array(contents: Contents<'_>) -> Result<(Array<'_>, [usize; 3]), DataError> {
    let array = Array::read(contents)?;
    let shape = match *array.shape {
        [_, height, width] => [1, height, width],
        [_, channels, height, width] => [channels, height, width],
        _ => [0; 3],
    };
    if array.kind.get(1..) != Some("u1") || volume(shape).is_err() {
        return Err(array.refuse(
            contents,
            "uint8 images of shape [N, H, W] or [N, C, H, W] with C H W positive and countable",
        ));
    }
    Ok((array, shape))
}

/// The labels of an array, below `classes`.
///
/// # Errors
/// Those of [`images`]; [`DataError::Label`]; [`DataError::Classes`] unless `classes` is 1 to 65,536.
pub fn labels(contents: Contents<'_>, classes: usize) -> Result<Vec<u16>, DataError> {
    let last = classes
        .checked_sub(1)
        .and_then(|last| u16::try_from(last).ok())
        .ok_or(DataError::Classes { found: classes })?;
    let array = Array::read(contents)?;
    let (size, signed) = match (array.shape.len(), array.kind.get(1..)) {
        (1, Some("u1")) => (1, false),
        (1, Some("u2")) => (2, false),
        (1, Some("i4")) => (4, true),
        (1, Some("i8")) => (8, true),
        _ => {
            return Err(array.refuse(
                contents,
                "uint8, uint16, int32 or int64 labels of shape [N]",
            ));
        }
    };
    let big_endian = array.kind.starts_with('>');
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
            i64::from_be_bytes(word)
        } else {
            word[..size].copy_from_slice(bytes);
            i64::from_le_bytes(word)
        }
    };
    array
        .values(contents, size)?
        .chunks_exact(size)
        .map(number)
        .enumerate()
        .map(|(record, value)| contents.label(record, value, 0, last))
        .collect()
}

/// Length of the header, and the bytes before it.
fn head_length(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => {
            Some((usize::from(u16::from_le_bytes([a, b])), 10))
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            Some((u32::from_le_bytes([a, b, c, d]) as usize, 12))
        }
        _ => None,
    }
}

/// The bytes before the values, or a few if this is no array; room is made as they come.
fn read_head(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(12).read_to_end(&mut head)?;
    if let Some((length, start)) = head_length(&head) {
        let missing = length.saturating_add(start).saturating_sub(head.len());
        file.take(missing as u64).read_to_end(&mut head)?;
    }
    Ok(head)
}

/// What the header of an array says.
struct Array<'a> {
    /// Byte order, kind and size: `|u1`, `<i8`.
    kind: &'a str,
    shape: Vec<usize>,
    /// Bytes before the values.
    start: usize,
}

impl<'a> Array<'a> {
    /// The header of an array in C order.
    fn read(contents: Contents<'a>) -> Result<Self, DataError> {
        let file = || contents.file.to_owned();
        let (length, start) =
            head_length(contents.bytes).ok_or_else(|| DataError::NoArray { file: file() })?;
        let text = contents.bytes[start..]
            .get(..length)
            .ok_or_else(|| DataError::Short {
                file: file(),
                expected: (start as u64).saturating_add(length as u64),
                found: contents.bytes.len() as u64,
            })?;
        let (kind, fortran_order, shape) = std::str::from_utf8(text)
            .ok()
            .and_then(|text| Text(text).header())
            .ok_or_else(|| DataError::NoArray { file: file() })?;
        let array = Self {
            kind,
            shape,
            start: start + length,
        };
        // With one axis the two orders are the same, and numpy may say either.
        if fortran_order && array.shape.len() > 1 {
            return Err(DataError::Array {
                file: file(),
                expected: "an array in C order",
                found: "one in Fortran order".to_owned(),
            });
        }
        Ok(array)
    }

    /// Number of values.
    fn count(&self) -> u64 {
        let sides = self.shape.iter().map(|&side| side as u64);
        sides.fold(1, u64::saturating_mul)
    }

    /// The bytes of the values, of `size` bytes each.
    fn values(&self, contents: Contents<'a>, size: usize) -> Result<&'a [u8], DataError> {
        let values = self.count().saturating_mul(size as u64);
        let expected = values.saturating_add(self.start as u64);
        let found = contents.bytes.len() as u64;
        contents.check_length(expected, found)?;
        Ok(&contents.bytes[self.start..])
    }

    /// That the array is not what was `expected`.
    fn refuse(&self, contents: Contents<'_>, expected: &'static str) -> DataError {
        // A header can be long.
        let kind: String = self.kind.chars().take(24).collect();
        let axes = &self.shape[..self.shape.len().min(8)];
        DataError::Array {
            file: contents.file.to_owned(),
            expected,
            found: format!("values of type {kind:?} and shape {axes:?}"),
        }
    }
}

/// What is left to read of a header.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// Type, Fortran order and shape of a dictionary that holds these three, and nothing else, in any order.
    fn header(mut self) -> Option<(&'a str, bool, Vec<usize>)> {
        let (mut kind, mut fortran_order, mut shape) = (None, None, None);
        self.symbol("{")?;
        while self.symbol("}").is_none() {
            let key = self.quoted()?;
            self.symbol(":")?;
            match key {
                "descr" => kind = Some(self.quoted()?),
                "fortran_order" => fortran_order = Some(self.truth()?),
                "shape" => shape = Some(self.sizes()?),
                _ => return None,
            }
            if self.symbol(",").is_none() {
                self.symbol("}")?;
                break;
            }
        }
        self.0
            .trim()
            .is_empty()
            .then_some((kind?, fortran_order?, shape?))
    }

    /// Steps over `symbol` and the blanks before it, if it comes next.
    fn symbol(&mut self, symbol: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(symbol)?;
        Some(())
    }

    /// A string without escapes.
    fn quoted(&mut self) -> Option<&'a str> {
        let quote = ["'", "\""]
            .into_iter()
            .find(|quote| self.symbol(quote).is_some())?;
        let (text, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(text)
    }

    fn truth(&mut self) -> Option<bool> {
        match self.symbol("True") {
            Some(()) => Some(true),
            None => self.symbol("False").map(|()| false),
        }
    }

    /// A tuple of numbers.
    fn sizes(&mut self) -> Option<Vec<usize>> {
        let mut sizes = Vec::new();
        self.symbol("(")?;
        while self.symbol(")").is_none() {
            let rest = self.0.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            sizes.push(rest[..end].parse().ok()?);
            self.0 = &rest[end..];
            if self.symbol(",").is_none() {
                self.symbol(")")?;
                break;
            }
        }
        Some(sizes)
    }
}
