//! Pairs of training and test images.

use crate::data_source::DataSource;
use crate::error::{DataError, ImageError};
use crate::images::ImageSet;

/// A pair of image sets for training and for testing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Dataset {
    /// Where the images come from.
    pub source: DataSource,
    /// Training images.
    pub train: ImageSet,
    /// Test images, of the same shape and classes.
    pub test: ImageSet,
}

impl Dataset {
    /// Creates a data set from training and test images.
    ///
    /// `source` is where they come from: [`DataSource::Own`] for images that a program has
    /// assembled.
    ///
    /// # Errors
    /// Returns [`ImageError::Shapes`] if the two sets differ in shape, and
    /// [`ImageError::ClassesDiffer`] if they differ in classes.
    pub fn new(
        source: impl Into<DataSource>,
        train: ImageSet,
        test: ImageSet,
    ) -> Result<Self, DataError> {
        if train.shape() != test.shape() {
            let (train, test) = (train.shape(), test.shape());
            return Err(ImageError::Shapes { train, test }.into());
        }
        let (ours, theirs) = (train.class_names(), test.class_names());
        let at = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
        if let Some(class) = ours.get(at).or(theirs.get(at)) {
            let class = class.clone();
            return Err(ImageError::ClassesDiffer { class }.into());
        }
        Ok(Self {
            source: source.into(),
            train,
            test,
        })
    }
}
