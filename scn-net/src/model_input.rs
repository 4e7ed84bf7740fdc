//! The data that a model was made for.

use scn_data::{DataSource, Fit, Normalization, Reading};

/// The data that a model was made for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelInput {
    /// Where its images come from.
    pub dataset: DataSource,
    /// What decided, beside the files, which images these are.
    pub reading: Reading,
    /// The number that full brightness has in them, [`ImageSet::brightest`](scn_data::ImageSet::brightest).
    pub brightest: f32,
    /// What was done to pixels in training; None for a model that has not been trained.
    pub normalization: Option<Normalization>,
    /// Names of the classes, if they are known.
    pub class_names: Vec<String>,
    /// Share of codes that are not zero on the test images, per sparse coding layer, at the last
    /// evaluation in training.
    pub active: Vec<f64>,
}

impl ModelInput {
    /// For a network that has not been trained: only the data set is known.
    pub fn new(dataset: impl Into<DataSource>) -> Self {
        let dataset = dataset.into();
        Self {
            brightest: brightest(&dataset),
            dataset,
            reading: Reading::default(),
            normalization: None,
            class_names: Vec::new(),
            active: Vec::new(),
        }
    }

    /// How a picture becomes an image for the model: as those of its folder did, or stretched to its
    /// size.
    pub fn fit(&self) -> Fit {
        match (&self.dataset, self.reading.pictures.size) {
            (DataSource::Folder(_), Some(_)) => self.reading.pictures.fit,
            _ => Fit::Stretch,
        }
    }
}

/// The brightest value of a data set, as far as its name says.
pub(crate) fn brightest(dataset: &DataSource) -> f32 {
    dataset
        .name()
        .map_or(255.0, |name| f32::from(name.brightest()))
}
