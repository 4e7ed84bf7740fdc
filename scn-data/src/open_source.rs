//! From a source of any kind to its images.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data_source::DataSource;
use crate::dataset::Dataset;
use crate::error::{DataError, SourceError};
use crate::format::npy;
use crate::open::open;
use crate::picture_config::PictureConfig;

/// What decides, beside the files, which images a source has.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Reading {
    /// How pictures become images; for [`DataSource::Folder`] alone.
    pub pictures: PictureConfig,
    /// The share of each class that is set apart to test on, between 0 and 1; None if the folder has
    /// folders `train` and `test`. For [`DataSource::Folder`] alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_share: Option<f64>,
    /// Seed of that choice.
    pub seed: u64,
}

impl Reading {
    /// With pictures brought to one shape like this.
    #[must_use]
    pub fn with_pictures(self, pictures: PictureConfig) -> Self {
        Self { pictures, ..self }
    }

    /// With this share of each class set apart to test on, drawn by `seed`.
    #[must_use]
    pub fn with_test_share(self, test_share: impl Into<Option<f64>>, seed: u64) -> Self {
        let test_share = test_share.into();
        Self {
            test_share,
            seed,
            ..self
        }
    }

    /// `Ok` if `source` has what this asks for.
    ///
    /// # Errors
    /// [`SourceError::Parted`] and [`SourceError::Shaped`].
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

/// Reads the training and the test images of a source. `data` is the folder of the data sets with a
/// name, as for [`open`]; paths of other sources are as they say, and relative ones start at the
/// working directory.
///
/// # Errors
/// Those of [`open`], of [`npy::train_and_test`] and of `format::pictures::open` and
/// `format::pictures::open_parted`; [`DataError::Source`].
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
