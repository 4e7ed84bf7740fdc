//! MNIST: two pairs of IDX files, images and labels.

use super::{Contents, check_counts, class_names, idx};
use crate::open::Folder;
use crate::{DataError, DatasetName, ImageSet};

/// Images and labels of one half of the data set, digits 0 to 9 in grey.
///
/// `size` is the height and width of the pictures, `brightest` the largest value a pixel can have.
///
/// # Errors
/// Those of [`idx::images`] and [`idx::labels`]; [`DataError::Counts`] if the two files do not belong together;
/// those of [`ImageSet::new`] for a pixel that is too bright.
pub fn images_with_labels(
    images: Contents<'_>,
    labels: Contents<'_>,
    size: [usize; 2],
    brightest: u8,
) -> Result<ImageSet, DataError> {
    let [height, width] = size;
    let pixels = idx::images(images, size)?;
    let values = idx::labels(labels, 10)?;
    let count = pixels.len() / (height * width).max(1);
    check_counts([images.file, labels.file], count, values.len())?;
    ImageSet::new(
        pixels,
        [1, height, width],
        values,
        class_names::numbers(10),
        brightest,
    )
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
