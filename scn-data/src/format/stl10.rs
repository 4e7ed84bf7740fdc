//! STL-10 in its binary version: pictures in one file, labels in another.
//!
//! A picture is the red, the green and the blue plane of 96 x 96 bytes, each stored *column by
//! column* (it was written by Matlab), so that reading it as rows gives a picture lying on its
//! side. Labels run from 1 to 10.
//!
//! Of the 5,000 training pictures, [`open_folds`] reads the ten predefined [`folds`]; the 100,000
//! pictures without labels come from [`open_unlabelled`] in batches, as [`Unlabelled`] says.

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

/// The pictures of a file, upright: N, C, H, W.
///
/// # Errors
/// [`FileError::Short`](crate::FileError::Short) for a file without a picture,
/// [`FileError::PartialRecord`](crate::FileError::PartialRecord).
pub fn pictures(contents: Contents<'_>) -> Result<Vec<u8>, DataError> {
    let pictures = contents.records(PIXELS)?;
    let mut pixels = Vec::with_capacity(contents.bytes.len());
    for picture in pictures {
        pixels.extend_from_slice(picture);
    }
    stand_upright(&mut pixels, SIDE);
    Ok(pixels)
}

/// The labels of a file, counted from 0.
///
/// # Errors
/// [`FileError::Short`](crate::FileError::Short) for a file without a label,
/// [`FileError::Label`](crate::FileError::Label).
pub fn labels(contents: Contents<'_>) -> Result<Vec<u16>, DataError> {
    let records = contents.records(1)?;
    records
        .enumerate()
        .map(|(record, value)| Ok(contents.label(record, value[0], 1, 10)? - 1))
        .collect()
}

/// Training and test images of the folder.
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
