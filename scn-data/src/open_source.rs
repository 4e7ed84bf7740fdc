//! Opening a source of any kind.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data_source::DataSource;
use crate::dataset::Dataset;
use crate::error::{DataError, SourceError};
use crate::format::npy;
use crate::open::open;
use crate::picture_config::PictureConfig;

/// The settings that, in addition to the files, determine the images of a source.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Reading {
    /// How image files become images of one shape. Only for [`DataSource::Folder`].
    pub pictures: PictureConfig,
    /// The fraction of each class that is set apart for testing, between 0 and 1, or `None` if the
    /// folder has subfolders `train` and `test`. Only for [`DataSource::Folder`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_share: Option<f64>,
    /// Seed of the choice of test images.
    pub seed: u64,
}

impl Reading {
    /// Sets how image files become images of one shape.
    #[must_use]
    pub fn with_pictures(self, pictures: PictureConfig) -> Self {
        Self { pictures, ..self }
    }

    /// Sets the fraction of each class that is set apart for testing, and the seed that draws it.
    #[must_use]
    pub fn with_test_share(self, test_share: impl Into<Option<f64>>, seed: u64) -> Self {
        let test_share = test_share.into();
        Self {
            test_share,
            seed,
            ..self
        }
    }

    /// Checks that these settings apply to `source`.
    ///
    /// # Errors
    /// Returns [`SourceError::Parted`] if a test fraction is set for a source that is not a folder,
    /// and [`SourceError::Shaped`] if the shape of its images is set.
    pub fn check(&self, source: &DataSource) -> Result<(), SourceError> {
        let found = || source.clone();
        if matches!(source, DataSource::Folder(_)) {
            return Ok(());
        }
        if self.test_share.is_some() {
            return Err(SourceError::Parted { found: found() });
        }
        if self.pictures != PictureConfig::default() {
            return Err(SourceError::Shaped { found: found() });
        }
        Ok(())
    }
}

/// Reads the training and test images of a source.
///
/// `data` is the folder of the named data sets, as for [`open`]. Other sources contain their path;
/// relative paths start at the working directory.
///
/// # Errors
/// Returns the errors of [`open`], [`npy::train_and_test`], `format::pictures::open` and
/// `format::pictures::open_parted`, and [`DataError::Source`] if the source cannot be read or the
/// settings do not apply to it.
///
/// # Example
///
/// ```
/// use scn_data::{DataSource, Reading, format::npy::Kind, open_source};
/// # use std::path::Path;
///
/// // Grey images of 1 x 2 pixels with their labels, as written by numpy.save.
/// let folder = tempfile::tempdir()?;
/// let save = |name: &str, shape: &[usize], values: &[u8]| {
///     let bytes = [&Kind::U1.head(shape, false), values].concat();
///     std::fs::write(folder.path().join(name), bytes)
/// };
/// save("edges-train-images.npy", &[2, 1, 2], &[0, 255, 255, 0])?;
/// save("edges-train-labels.npy", &[2], &[0, 1])?;
/// save("edges-test-images.npy", &[1, 1, 2], &[9, 200])?;
/// save("edges-test-labels.npy", &[1], &[0])?;
///
/// let source = DataSource::Arrays(folder.path().join("edges"));
/// let edges = open_source(&source, Path::new(""), &Reading::default())?;
/// assert_eq!((edges.train.len(), edges.train.classes()), (2, 2));
/// assert_eq!(edges.test.image(0).bytes(), Some(&[9, 200][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open_source(
    source: &DataSource,
    data: &Path,
    reading: &Reading,
) -> Result<Dataset, DataError> {
    reading.check(source)?;
    let (train, test) = match source {
        DataSource::Named(name) => return open(*name, data),
        DataSource::Arrays(prefix) => npy::train_and_test(prefix)?,
        #[cfg(feature = "pictures")]
        DataSource::Folder(folder) => {
            use crate::format::pictures;
            match reading.test_share {
                None => pictures::open(folder, &reading.pictures)?,
                Some(share) => {
                    pictures::open_parted(folder, &reading.pictures, share, reading.seed)?
                }
            }
        }
        #[cfg(not(feature = "pictures"))]
        DataSource::Folder(_) => {
            let found = source.clone();
            return Err(SourceError::NoPictures { found }.into());
        }
        DataSource::Own(_) => {
            let found = source.clone();
            return Err(SourceError::Own { found }.into());
        }
    };
    Dataset::new(source.clone(), train, test)
}
