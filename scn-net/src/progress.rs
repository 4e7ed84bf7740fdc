//! What a run tells those who watch, and what it writes down.

use serde::{Deserialize, Serialize};

use crate::Network;
use crate::layer::Activity;

/// One epoch: a line of `metrics.jsonl`. Errors are fractions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: u64,
    /// Of its last step.
    pub learning_rate: f64,
    /// Mean loss over the training images, while the weights moved.
    pub train_loss: f64,
    /// Share of training images classified wrongly, while the weights moved.
    pub train_error: f64,
    /// Mean loss over the test images.
    pub test_loss: f64,
    /// Share of test images classified wrongly.
    pub test_error: f64,
    /// Training images per second.
    pub images_per_second: f64,
    /// Time of the training steps, evaluation not counted; zero where it was not written down.
    #[serde(default)]
    pub seconds: f64,
    /// One per sparse coding layer.
    pub layers: Vec<LayerRecord>,
}

/// What a sparse coding layer did in an epoch of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Share of codes that were not zero.
    pub active: f64,
    /// λ1 at the end, averaged over atoms.
    pub lambda1: f64,
    /// Passes of the solver per window.
    pub passes: f64,
    /// Largest KKT residual of any window.
    pub kkt: f64,
    /// Windows that missed the tolerance.
    pub unconverged: u64,
    /// Condition number of `H` at the end; absent if it is infinite.
    pub condition: Option<f64>,
}

/// Where a run begins, or goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beginning<'a> {
    /// Epochs in all.
    pub epochs: u64,
    /// Steps of an epoch.
    pub steps: usize,
    /// Epochs that are done; none of a run that begins.
    pub history: &'a [EpochRecord],
    /// Steps done in the epoch after these.
    pub steps_done: usize,
}

/// Where a run stands within an epoch. Errors and shares are fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepProgress<'a> {
    /// From 1.
    pub epoch: u64,
    /// Epochs in all.
    pub epochs: u64,
    /// Steps done in this epoch.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// Mean loss so far in this epoch.
    pub loss: f64,
    /// Share of images classified wrongly so far in this epoch.
    pub error: f64,
    /// Images per second so far in this epoch.
    pub images_per_second: f64,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Mean loss over the batch of this step.
    pub batch_loss: f64,
    /// Share of images of this step's batch classified wrongly.
    pub batch_error: f64,
    /// What each sparse coding layer did with this step's batch.
    pub activity: &'a [Activity],
}

/// Someone who watches a run, and may stop it.
pub trait Observer: Send {
    /// Before mean, scale and whitening are fitted to the training images: whitening may take minutes. Not where they are known.
    fn fitting(&mut self) {}
    /// Before the first step.
    fn begin(&mut self, _beginning: &Beginning<'_>) {}
    /// After each step, in order; on a graphics processor while the next one is being computed.
    fn step(&mut self, _progress: &StepProgress<'_>) {}
    /// Between training and evaluation of an epoch.
    fn evaluating(&mut self, _epoch: u64) {}
    /// After the evaluation of each epoch, before its files are written: a run that ends in between comes here again when it is resumed.
    fn evaluated(&mut self, _record: &EpochRecord, _network: &Network) {}
    /// After each epoch, when its files are written, with the network as it is then.
    fn epoch(&mut self, _record: &EpochRecord, _network: &Network) {}
    /// Asked after each step; true ends the run with a checkpoint.
    fn stop(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

/// Sums over the batches of an epoch. Kept in the checkpoint, so that a resumed epoch reports what an uninterrupted one does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EpochSums {
    pub(crate) images: u64,
    pub(crate) loss: f64,
    pub(crate) errors: u64,
    pub(crate) seconds: f64,
    pub(crate) layers: Vec<LayerSums>,
}

/// Sums over the batches of an epoch, weighted by images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LayerSums {
    active: f64,
    passes: f64,
    kkt: f64,
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
            sums.kkt = sums.kkt.max(activity.kkt);
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
                kkt: sums.kkt,
                unconverged: sums.unconverged,
                condition,
            })
            .collect()
    }
}
