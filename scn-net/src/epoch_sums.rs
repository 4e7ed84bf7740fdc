//! Sums over the batches of an epoch.

use serde::{Deserialize, Serialize};

use crate::record::LayerRecord;
use crate::report::Activity;

/// Sums over the batches of an epoch. The checkpoint stores them, so a resumed epoch reports the
/// same as an uninterrupted one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EpochSums {
    pub(crate) images: u64,
    pub(crate) loss: f64,
    pub(crate) errors: u64,
    pub(crate) seconds: f64,
    pub(crate) layers: Vec<LayerSums>,
}

/// Sums of one sparse coding layer over the batches of an epoch, weighted by images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerSums {
    active: f64,
    passes: f64,
    #[serde(rename = "kkt")]
    residual: f64,
    unconverged: u64,
    lambda1: f64,
}

impl EpochSums {
    pub(crate) fn add(&mut self, images: usize, loss: f64, errors: usize, activity: &[Activity]) {
        self.layers.resize(activity.len(), LayerSums::default());
        let weight = images as f64;
        self.images += images as u64;
        self.loss += weight * loss;
        self.errors += errors as u64;
        for (sums, activity) in self.layers.iter_mut().zip(activity) {
            sums.active += weight * activity.active;
            sums.passes += weight * activity.passes;
            sums.residual = sums.residual.max(activity.residual);
            sums.unconverged += activity.unconverged as u64;
            sums.lambda1 = activity.lambda1;
        }
    }

    pub(crate) fn mean_loss(&self) -> f64 {
        self.loss / self.images.max(1) as f64
    }

    pub(crate) fn error(&self) -> f64 {
        self.errors as f64 / self.images.max(1) as f64
    }

    pub(crate) fn images_per_second(&self) -> f64 {
        if self.seconds > 0.0 {
            self.images as f64 / self.seconds
        } else {
            0.0
        }
    }

    pub(crate) fn layer_records(&self, conditions: &[f64]) -> Vec<LayerRecord> {
        let images = self.images.max(1) as f64;
        let conditions = conditions
            .iter()
            .map(|&condition| condition.is_finite().then_some(condition));
        self.layers
            .iter()
            .zip(conditions)
            .map(|(sums, condition)| LayerRecord {
                active: sums.active / images,
                lambda1: sums.lambda1,
                passes: sums.passes / images,
                residual: sums.residual,
                unconverged: sums.unconverged,
                condition,
            })
            .collect()
    }
}
