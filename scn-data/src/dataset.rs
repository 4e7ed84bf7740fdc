//! The two sets of images that belong together.

use crate::dataset_name::DatasetName;
use crate::images::ImageSet;

/// Images to learn from and images to be judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dataset {
    /// Which data set this is.
    pub name: DatasetName,
    /// Training images.
    pub train: ImageSet,
    /// Test images, of the same shape and classes.
    pub test: ImageSet,
}

impl Dataset {
    /// `train` to learn from and `test` to judge by, which should have one shape and the same
    /// classes. `name` says which presets and which figures of the paper fit them.
    pub fn new(name: DatasetName, train: ImageSet, test: ImageSet) -> Self {
        Self { name, train, test }
    }
}
