//! A data set in four arrays: images and labels for training, images and labels for testing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Contents, Numbers, check_counts, image_array, image_shape, labels, read};
use crate::error::{DataError, FileError};
use crate::files::open_regular;
use crate::format::class_names;
use crate::format::npy::header::{Header, read_head};
use crate::format::unreadable;
use crate::images::{ImageSet, volume};
use crate::pixels::{PixelSlice, Pixels};

/// Reads the training and test images in the files of a data set.
///
/// | file | contents |
/// |---|---|
/// | `PREFIX-train-images.npy`, `PREFIX-test-images.npy` | N, C, H, W or N, H, W (grey); `uint8`, or floating point numbers of 2, 4 or 8 bytes, which are kept as f32 |
/// | `PREFIX-train-labels.npy`, `PREFIX-test-labels.npy` | N integers from 0 |
///
/// The largest training label determines the number of classes, each of which must have a training
/// image. Classes are named by their labels. The [brightest](ImageSet::brightest) value is 255 for
/// bytes. For floating point numbers, it is the largest magnitude among the training images.
///
/// # Errors
/// Returns [`FileError::Unreadable`] if a file does not exist or cannot be read;
/// [`FileError::NoArray`], [`FileError::Array`], [`FileError::Short`] or [`FileError::Long`] if it
/// does not hold such an array; [`FileError::Counts`] if the numbers of images and labels differ;
/// [`FileError::ImageShape`] or [`FileError::ImageKind`] if the test images differ from the
/// training images in shape or kind; [`FileError::PixelValue`] if a pixel is not finite;
/// [`FileError::Label`] if a label is below 0 or above 65,535, or if a test label exceeds the
/// largest training label; and [`FileError::EmptyClass`] if a training label is left out.
pub fn train_and_test(prefix: &Path) -> Result<(ImageSet, ImageSet), DataError> {
    let train = Half::read(prefix, "train")?;
    let classes = train.classes()?;
    let test = Half::read(prefix, "test")?;
    test.expect_like(&train)?;
    test.expect_labels_below(classes)?;
    let brightest = train.brightest();
    let set = |half: Half| -> Result<ImageSet, DataError> {
        let names = class_names::numbers(classes).into();
        let Half {
            pixels,
            shape,
            labels,
            ..
        } = half;
        Ok(ImageSet::from_pixels(
            pixels, shape, labels, names, brightest,
        )?)
    };
    Ok((set(train)?, set(test)?))
}

/// The images and labels of two files.
struct Half {
    images_file: PathBuf,
    labels_file: PathBuf,
    pixels: Pixels,
    shape: [usize; 3],
    labels: Vec<u16>,
}

impl Half {
    fn read(prefix: &Path, part: &str) -> Result<Self, DataError> {
        let [images_file, labels_file] = ["images", "labels"].map(|what| {
            let mut name = OsString::from(prefix);
            name.push(format!("-{part}-{what}.npy"));
            PathBuf::from(name)
        });
        let (pixels, shape) = read_images(&images_file)?;
        let bytes = read(&labels_file)?;
        let labels = labels(Contents::new(&bytes, &labels_file), 1 << 16)?;
        let images = pixels.as_slice().len() / volume(shape)?;
        check_counts([&images_file, &labels_file], images, labels.len())?;
        Ok(Self {
            images_file,
            labels_file,
            pixels,
            shape,
            labels,
        })
    }

    /// Returns the number of classes, each of which must have an image.
    fn classes(&self) -> Result<usize, FileError> {
        let classes = self
            .labels
            .iter()
            .max()
            .map_or(0, |&last| usize::from(last) + 1);
        let mut seen = vec![false; classes];
        for &label in &self.labels {
            seen[usize::from(label)] = true;
        }
        match seen.iter().position(|seen| !seen) {
            None if classes > 0 => Ok(classes),
            missing => Err(FileError::EmptyClass {
                file: self.labels_file.clone(),
                classes,
                missing: missing.unwrap_or(0),
            }),
        }
    }

    fn expect_like(&self, train: &Self) -> Result<(), FileError> {
        if self.shape != train.shape {
            return Err(FileError::ImageShape {
                file: self.images_file.clone(),
                expected: train.shape,
                found: self.shape,
            });
        }
        let kind = |half: &Self| match half.pixels.as_slice() {
            PixelSlice::Bytes(_) => "bytes",
            PixelSlice::Floats(_) => "floating point numbers",
        };
        if kind(self) != kind(train) {
            return Err(FileError::ImageKind {
                file: self.images_file.clone(),
                expected: kind(train),
                found: kind(self),
            });
        }
        Ok(())
    }

    fn expect_labels_below(&self, classes: usize) -> Result<(), FileError> {
        let too_large = |&label: &u16| usize::from(label) >= classes;
        match self.labels.iter().position(too_large) {
            None => Ok(()),
            Some(record) => Err(FileError::Label {
                file: self.labels_file.clone(),
                record,
                value: self.labels[record].into(),
                first: 0,
                last: (classes - 1) as u16,
            }),
        }
    }

    fn brightest(&self) -> f32 {
        match self.pixels.as_slice() {
            PixelSlice::Bytes(_) => 255.0,
            PixelSlice::Floats(pixels) => {
                let largest = pixels
                    .iter()
                    .fold(0.0, |largest, pixel| pixel.abs().max(largest));
                // If all pixels are zero, the brightness does not matter.
                if largest > 0.0 { largest } else { 1.0 }
            }
        }
    }
}

/// Reads the images in a file, bytes or floating point numbers, and the shape of each.
fn read_images(file: &Path) -> Result<(Pixels, [usize; 3]), DataError> {
    let head = {
        let mut opened = open_regular(file).map_err(unreadable(file))?;
        read_head(&mut opened).map_err(unreadable(file))?
    };
    let contents = Contents::new(&head, file);
    let header = Header::read(contents)?;
    if matches!(header.kind.get(1..), Some("f2" | "f4" | "f8")) {
        let numbers = Numbers::open(file)?;
        let shape = image_shape(numbers.shape());
        let volume = volume(shape).map_err(|_| header.refuse(contents, super::IMAGES))?;
        let values: Vec<f32> = numbers.read()?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (image, value) = (at / volume, values[at]);
            let file = file.to_owned();
            return Err(FileError::PixelValue { file, image, value }.into());
        }
        return Ok((Pixels::Floats(values), shape));
    }
    let mut bytes = read(file)?;
    let (pixels, shape) = {
        let contents = Contents::new(&bytes, file);
        let (array, shape) = image_array(contents)?;
        (array.values(contents, 1)?.len(), shape)
    };
    // In place, because a copy would need as much memory again.
    bytes.drain(..bytes.len() - pixels);
    Ok((Pixels::Owned(bytes), shape))
}
