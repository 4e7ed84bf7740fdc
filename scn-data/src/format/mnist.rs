//! MNIST: two pairs of IDX files, each with images and labels.

use std::path::Path;

use super::{Contents, check_counts, class_names, idx, read};
use crate::dataset_name::DatasetName;
use crate::error::DataError;
use crate::folder::Folder;
use crate::images::ImageSet;
use crate::pixels::Pixels;

/// Reads the images and labels of one half of the data set, the digits 0 to 9 in grey.
///
/// `size` is the height and width of the images, and `brightest` the largest value that a pixel can
/// have.
///
/// # Errors
/// Returns the errors of [`idx::images`] and [`idx::labels`],
/// [`FileError::Counts`](crate::FileError::Counts) if the numbers of images and labels differ, and
/// the errors of [`ImageSet::new`] if a pixel is too bright.
pub fn images_with_labels(
    images: Contents<'_>,
    labels: Contents<'_>,
    size: [usize; 2],
    brightest: u8,
) -> Result<ImageSet, DataError> {
    let pixels = Pixels::Owned(idx::images(images, size)?);
    with_labels(pixels, images.file, labels, size, brightest)
}

/// Same as [`images_with_labels`] for two files, but leaves the pixels in their file, which must
/// not be compressed.
///
/// Pixels are read on access, so they may exceed memory. The file must not change while the set or
/// a clone of it exists. Bytes that another process writes to it change the pixels, and if it is
/// truncated, the system ends this process on access to a missing pixel.
///
/// # Errors
/// Returns [`FileError::Unreadable`](crate::FileError::Unreadable) if a file does not exist or
/// cannot be read or mapped, [`FileError::Packed`](crate::FileError::Packed) if the file of images
/// is compressed, and the errors of [`images_with_labels`].
pub fn map(
    images: &Path,
    labels: &Path,
    size: [usize; 2],
    brightest: u8,
) -> Result<ImageSet, DataError> {
    let pixels = idx::map_images(images, size)?;
    let bytes = read(labels)?;
    let contents = Contents::new(&bytes, labels);
    with_labels(pixels, images, contents, size, brightest)
}

fn with_labels(
    pixels: Pixels,
    images_file: &Path,
    labels: Contents<'_>,
    size: [usize; 2],
    brightest: u8,
) -> Result<ImageSet, DataError> {
    let [height, width] = size;
    let values = idx::labels(labels, 10)?;
    let count = pixels.as_slice().len() / (height * width).max(1);
    check_counts([images_file, labels.file], count, values.len())?;
    Ok(ImageSet::from_pixels(
        pixels,
        [1, height, width],
        values,
        class_names::numbers(10).into(),
        f32::from(brightest),
    )?)
}

/// Reads the training and test images in the folder.
pub(crate) fn train_and_test(folder: &Folder) -> Result<(ImageSet, ImageSet), DataError> {
    let half = |images: [&str; 2], labels: [&str; 2]| {
        let (images_file, images) = folder.read(&images)?;
        let (labels_file, labels) = folder.read(&labels)?;
        let [_, height, width] = DatasetName::Mnist.shape();
        images_with_labels(
            Contents::new(&images, &images_file),
            Contents::new(&labels, &labels_file),
            [height, width],
            u8::MAX,
        )
    };
    let train = half(
        ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"],
        ["train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"],
    )?;
    let test = half(
        ["t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"],
        ["t10k-labels-idx1-ubyte", "t10k-labels-idx1-ubyte.gz"],
    )?;
    Ok((train, test))
}
