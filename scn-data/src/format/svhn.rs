//! SVHN, the Street View House Numbers, in its format 2: cropped digits in MATLAB files of level 5,
//! compressed or not.
//!
//! A file holds two arrays. `X` has bytes of shape 32 x 32 x 3 x N: rows, columns, channels (red,
//! green, blue), images. The first axis varies fastest, so planes are stored *column by column*, as
//! in STL-10. `y` has bytes or doubles of shape N x 1, the labels: 1 to 9 for these digits, 10 for
//! the digit 0. MATLAB drops a last axis of size 1, so a single image may be 32 x 32 x 3.

use super::mat::Array;
use super::{Contents, check_counts, class_names, stand_upright};
use crate::error::{DataError, FileError};
use crate::folder::Folder;
use crate::images::ImageSet;

const SIDE: usize = 32;
const PIXELS: usize = 3 * SIDE * SIDE;

/// Returns the images of a file, upright: N, C, H, W with C = 3 and H = W = 32.
///
/// # Errors
/// Returns [`FileError::Short`], [`FileError::NoMat`], [`FileError::Element`] or
/// [`FileError::Zlib`] if the file is not a MATLAB file or is damaged, [`FileError::NoVariable`] if
/// it has no array `X`, and [`FileError::Variable`] if `X` has a different shape or class.
pub fn pictures(contents: Contents<'_>) -> Result<Vec<u8>, DataError> {
    let expected = "a uint8 array of shape [32, 32, 3, N]";
    let array = Array::find(contents, "X")?;
    let ([SIDE, SIDE, 3] | [SIDE, SIDE, 3, _]) = *array.shape else {
        return Err(array.refuse(expected).into());
    };
    let mut pixels = array.bytes(expected)?;
    stand_upright(&mut pixels, SIDE);
    Ok(pixels)
}

/// Returns the labels of a file, 0 to 9: the digits themselves.
///
/// # Errors
/// Same as [`pictures`], for the array `y`. Also returns [`FileError::Variable`] if a label is not
/// a whole number, and [`FileError::Label`] if it is not 1 to 10.
pub fn labels(contents: Contents<'_>) -> Result<Vec<u16>, DataError> {
    let expected = "a uint8 or double array of shape [N, 1]";
    let array = Array::find(contents, "y")?;
    let [_, 1] = *array.shape else {
        return Err(array.refuse(expected).into());
    };
    let label = |(record, value): (usize, f64)| {
        // This refuses NaN and infinities too.
        if value.fract() != 0.0 {
            return Err(DataError::from(FileError::Variable {
                file: contents.file.to_owned(),
                name: "y",
                expected: "whole numbers",
                found: format!("is {value} for record {record}"),
            }));
        }
        // Numbers beyond `i64` saturate, and are not labels either.
        Ok(contents.label(record, value as i64, 1, 10)? % 10)
    };
    array.numbers(expected)?.enumerate().map(label).collect()
}

/// Reads the training and test images in the folder.
pub(crate) fn train_and_test(folder: &Folder) -> Result<(ImageSet, ImageSet), DataError> {
    let set = |name: &str| {
        let (file, bytes) = folder.read(&[name])?;
        let contents = Contents::new(&bytes, &file);
        let labels = labels(contents)?;
        let pixels = pictures(contents)?;
        check_counts([&file, &file], pixels.len() / PIXELS, labels.len())?;
        let names = class_names::numbers(10);
        ImageSet::new(pixels, [3, SIDE, SIDE], labels, names, u8::MAX)
    };
    Ok((set("train_32x32.mat")?, set("test_32x32.mat")?))
}
