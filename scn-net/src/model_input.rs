//! The data that a model was made for.

use scn_data::{DatasetName, Normalization};

/// The data that a model was made for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelInput {
    /// Its data set.
    pub dataset: DatasetName,
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
    pub fn new(dataset: DatasetName) -> Self {
        Self {
            dataset,
            normalization: None,
            class_names: Vec::new(),
            active: Vec::new(),
        }
    }
}
