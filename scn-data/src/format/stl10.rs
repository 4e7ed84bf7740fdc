//! STL-10 in its binary version: images in one file, labels in another.
//!
//! An image is the red, green and blue planes of 96 x 96 bytes, each stored *column by column* (by
//! Matlab), so reading it as rows gives an image lying on its side. Labels are 1 to 10.
//!
//! [`open_folds`] reads the ten predefined [`folds`] of the 5,000 training images.
//! [`open_unlabelled`] reads the 100,000 images without labels in batches, which [`Unlabelled`]
//! describes.

mod folds;
mod unlabelled;

pub use folds::{folds, open_folds};
pub use unlabelled::{Unlabelled, open_unlabelled};

use super::{Contents, check_counts, class_names, stand_upright};
use crate::error::DataError;
use crate::folder::Folder;
use crate::images::ImageSet;

const SIDE: usize = 96;
const PIXELS: usize = 3 * SIDE * SIDE;
const NAMES: [&str; 10] = [
    "airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck",
];

/// Returns the images of a file, upright: N, C, H, W.
///
/// # Errors
/// Returns [`FileError::Short`](crate::FileError::Short) if the file has no complete image, and
/// [`FileError::PartialRecord`](crate::FileError::PartialRecord) if it ends inside an image.
pub fn pictures(contents: Contents<'_>) -> Result<Vec<u8>, DataError> {
    let pictures = contents.records(PIXELS)?;
    let mut pixels = Vec::with_capacity(contents.bytes.len());
    for picture in pictures {
        pixels.extend_from_slice(picture);
    }
    stand_upright(&mut pixels, SIDE);
    Ok(pixels)
}

/// Returns the labels of a file, counted from 0.
///
/// # Errors
/// Returns [`FileError::Short`](crate::FileError::Short) if the file is empty, and
/// [`FileError::Label`](crate::FileError::Label) if a label is not 1 to 10.
pub fn labels(contents: Contents<'_>) -> Result<Vec<u16>, DataError> {
    let records = contents.records(1)?;
    records
        .enumerate()
        .map(|(record, value)| Ok(contents.label(record, value[0], 1, 10)? - 1))
        .collect()
}

/// Reads the training and test images in the folder.
pub(crate) fn train_and_test(folder: &Folder) -> Result<(ImageSet, ImageSet), DataError> {
    let names = class_names::read_or(folder, "class_names.txt", class_names::owned(&NAMES))?;
    let set = |pictures_name: &str, labels_name: &str| {
        let (labels_file, bytes) = folder.read(&[labels_name])?;
        let labels = labels(Contents::new(&bytes, &labels_file))?;
        let (pictures_file, bytes) = folder.read(&[pictures_name])?;
        let pixels = pictures(Contents::new(&bytes, &pictures_file))?;
        let count = pixels.len() / PIXELS;
        check_counts([&pictures_file, &labels_file], count, labels.len())?;
        ImageSet::new(pixels, [3, SIDE, SIDE], labels, names.clone(), u8::MAX)
    };
    Ok((
        set("train_X.bin", "train_y.bin")?,
        set("test_X.bin", "test_y.bin")?,
    ))
}
