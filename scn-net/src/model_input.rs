//! The data that a model was made for.

use scn_data::{DataSource, Fit, Normalization, Reading};

/// The data that a model was made for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelInput {
    /// The source of the images.
    pub dataset: DataSource,
    /// The settings that selected the images of the source.
    pub reading: Reading,
    /// The pixel value of full brightness, [`ImageSet::brightest`](scn_data::ImageSet::brightest).
    pub brightest: f32,
    /// The normalisation of pixels in training; None for an untrained model.
    pub normalization: Option<Normalization>,
    /// Names of the classes; empty if they are not known.
    pub class_names: Vec<String>,
    /// Fraction of active code entries on the test images, per sparse coding layer, at the last
    /// evaluation in training.
    pub active: Vec<f64>,
}

impl ModelInput {
    /// Creates the input of an untrained network, of which only the data set is known.
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

    /// Returns how an image file is brought to the size of the model: the way it was done for the
    /// images of its folder, or by stretching.
    pub fn fit(&self) -> Fit {
        match (&self.dataset, self.reading.pictures.size) {
            (DataSource::Folder(_), Some(_)) => self.reading.pictures.fit,
            _ => Fit::Stretch,
        }
    }
}

/// Returns the pixel value of full brightness in a data set, 255 unless its name implies another.
pub(crate) fn brightest(dataset: &DataSource) -> f32 {
    dataset
        .name()
        .map_or(255.0, |name| f32::from(name.brightest()))
}
