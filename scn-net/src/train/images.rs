//! The images that a run is trained, validated and tested on.

use std::sync::Arc;

use scn_data::{Dataset, ImageSet, Part, split};

use crate::config::RunConfig;
use crate::error::TrainError;
use crate::images_checksum;

/// The images of a run.
pub(super) struct RunImages {
    pub(super) training: Arc<ImageSet>,
    /// Images set apart from the training images.
    pub(super) validation: Option<Arc<ImageSet>>,
    pub(super) test: Arc<ImageSet>,
}

impl RunImages {
    /// Selects the images of a data set according to the settings.
    pub(super) fn of(config: &RunConfig, data: &Dataset) -> Result<Self, TrainError> {
        let limited = |set: &ImageSet, limit: Option<usize>| {
            let count = limit.unwrap_or(usize::MAX);
            config.subset.of(set, count, config.seed)
        };
        let training = limited(&data.train, config.train_limit);
        let (training, validation) = match config.training.validation {
            None => (training, None),
            Some(share) => {
                let (rest, apart) = split(&training, share, config.seed, Part::Validation)?;
                (rest, Some(Arc::new(apart)))
            }
        };
        Ok(Self {
            training: Arc::new(training),
            validation,
            test: Arc::new(limited(&data.test, config.test_limit)),
        })
    }
}

/// Returns the checksum of the images of a run. None for a named data set, whose files do not
/// change.
pub(super) fn checksum(data: &Dataset) -> Option<String> {
    match data.source.name() {
        Some(_) => None,
        None => Some(images_checksum::checksum(&[&data.train, &data.test])),
    }
}
