//! The embedded data set: handwritten digits of 8 x 8 pixels.
//!
//! 1,797 images with 17 shades (0 to 16), from the UCI Machine Learning Repository (Alpaydin and
//! Kaynak, *Optical Recognition of Handwritten Digits*, 1998), under CC BY 4.0.
//! `assets/digits/README.md` has the details.

use std::path::Path;

use crate::error::DataError;
use crate::format::{Contents, mnist};
use crate::images::ImageSet;

const SIZE: [usize; 2] = [8, 8];
const BRIGHTEST: u8 = 16;

/// A file of `assets/digits`, with a path that names it in errors.
macro_rules! embedded {
    ($name:literal) => {
        Contents::new(
            include_bytes!(concat!("../assets/digits/", $name)),
            Path::new(concat!("embedded digits/", $name)),
        )
    };
}

/// Returns 1,437 training and 360 test images. The test images are by different writers.
pub(crate) fn train_and_test() -> Result<(ImageSet, ImageSet), DataError> {
    let train = mnist::images_with_labels(
        embedded!("train-images-idx3-ubyte.gz"),
        embedded!("train-labels-idx1-ubyte.gz"),
        SIZE,
        BRIGHTEST,
    )?;
    let test = mnist::images_with_labels(
        embedded!("test-images-idx3-ubyte.gz"),
        embedded!("test-labels-idx1-ubyte.gz"),
        SIZE,
        BRIGHTEST,
    )?;
    Ok((train, test))
}
