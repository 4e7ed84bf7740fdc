//! MNIST: two pairs of IDX files, images and labels.

use std::path::Path;

use super::{Contents, check_counts, class_names, idx, read};
use crate::dataset_name::DatasetName;
use crate::error::DataError;
use crate::folder::Folder;
use crate::images::ImageSet;
use crate::pixels::Pixels;

/// Images and labels of one half of the data set, digits 0 to 9 in grey.
///
/// `size` is the height and width of the pictures, `brightest` the largest value a pixel can have.
///
/// # Errors
/// Those of [`idx::images`] and [`idx::labels`]; [`FileError::Counts`](crate::FileError::Counts) if
/// the two files do not belong together; those of [`ImageSet::new`] for a pixel that is too bright.
pub fn images_with_labels(
    images: Contents<'_>,
    labels: Contents<'_>,
    size: [usize; 2],
    brightest: u8,
) -> Result<ImageSet, DataError> {
    let pixels = Pixels::Owned(idx::images(images, size)?);
    with_labels(pixels, images.file, labels, size, brightest)
}

/// [`images_with_labels`] of two files of any length, whose pixels stay in theirs, which must not
/// be packed.
///
/// The pixels are read when they are looked at, so that they can be more than memory holds. While
/// the set or a clone of it is there, the file must stay as it is: what another process writes into
/// it changes the pixels, and if it is cut short, the system ends this process where it looks at a
/// pixel that is gone.
///
/// # Errors
/// [`FileError::Unreadable`](crate::FileError::Unreadable) for a file that is not there, cannot be
/// read or cannot be mapped, [`FileError::Packed`](crate::FileError::Packed), and those of
/// [`images_with_labels`].
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

/// Training and test images of the folder.
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
