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
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::{DataSource, Dataset, ImageSet};
    ///
    /// // Images of one grey pixel.
    /// let names = ["dark", "bright"].map(str::to_owned);
    /// let set = |pixels, labels| ImageSet::new(pixels, [1, 1, 1], labels, names.clone(), 255);
    /// let train = set(vec![0, 10, 240, 255], vec![0, 0, 1, 1])?;
    /// let test = set(vec![5], vec![0])?;
    ///
    /// let data = Dataset::new(DataSource::Own("greys".to_owned()), train, test)?;
    /// assert_eq!(data.source.to_string(), "own:greys");
    /// assert_eq!((data.train.len(), data.test.len()), (4, 1));
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
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
