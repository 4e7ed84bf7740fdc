//! What is written down of a run after each epoch.

use serde::{Deserialize, Serialize};

/// One epoch: a line of `metrics.jsonl`. Errors are fractions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EpochRecord {
    /// From 1.
    pub epoch: u64,
    /// Of its last step.
    pub learning_rate: f64,
    /// Mean loss over the training images, while the weights moved.
    pub train_loss: f64,
    /// Share of training images classified wrongly, while the weights moved.
    pub train_error: f64,
    /// Mean loss over the images set apart to validate on; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Share of these classified wrongly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_error: Option<f64>,
    /// Mean loss over the test images.
    pub test_loss: f64,
    /// Share of test images classified wrongly.
    pub test_error: f64,
    /// How good the averaged network is; absent in runs that keep none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub averaged: Option<AveragedRecord>,
    /// Training images per second.
    pub images_per_second: f64,
    /// Time of the training steps, evaluation not counted; zero where it was not written down.
    #[serde(default)]
    pub seconds: f64,
    /// One per sparse coding layer.
    pub layers: Vec<LayerRecord>,
}

/// How good the average of a network over the steps so far is. Errors are fractions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AveragedRecord {
    /// Mean loss over the images set apart to validate on; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Share of these classified wrongly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_error: Option<f64>,
    /// Mean loss over the test images.
    pub test_loss: f64,
    /// Share of test images classified wrongly.
    pub test_error: f64,
    /// Share of codes that are not zero on the test images, per sparse coding layer.
    pub active: Vec<f64>,
}

/// The epoch of a run that its validation images choose: the one with the smallest error on them,
/// among equal ones with the smallest loss, then the first. None without validation images.
pub fn chosen_epoch(history: &[EpochRecord]) -> Option<&EpochRecord> {
    let measured = history
        .iter()
        .filter_map(|record| Some((record, record.validation_error?, record.validation_loss?)));
    let chosen = measured.min_by(|(_, error, loss), (_, other_error, other_loss)| {
        error
            .total_cmp(other_error)
            .then(loss.total_cmp(other_loss))
    });
    chosen.map(|(record, ..)| record)
}

/// What a sparse coding layer did in an epoch of training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LayerRecord {
    /// Share of codes that were not zero.
    pub active: f64,
    /// λ1 at the end, averaged over atoms.
    pub lambda1: f64,
    /// Passes of the solver per window.
    pub passes: f64,
    /// Largest KKT residual of any window.
    #[serde(rename = "kkt")]
    pub residual: f64,
    /// Windows that missed the tolerance.
    pub unconverged: u64,
    /// Condition number of `H` at the end; absent if it is infinite.
    pub condition: Option<f64>,
}
