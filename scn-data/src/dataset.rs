//! The two sets of images that belong together.

use crate::data_source::DataSource;
use crate::error::{DataError, ImageError};
use crate::images::ImageSet;

/// Images to learn from and images to be judged by.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Dataset {
    /// Where they come from.
    pub source: DataSource,
    /// Training images.
    pub train: ImageSet,
    /// Test images, of the same shape and classes.
    pub test: ImageSet,
}

impl Dataset {
    /// `train` to learn from and `test` to judge by. `source` says where they come from:
    /// [`DataSource::Own`] for images that a program has put together.
    ///
    /// # Errors
    /// [`ImageError::Shapes`] and [`ImageError::ClassesDiffer`] if the two do not belong together.
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
