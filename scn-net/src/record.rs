//! The records of a run, one after each epoch.

use serde::{Deserialize, Serialize};

/// The record of an epoch: a line of `metrics.jsonl`. Errors are fractions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EpochRecord {
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean loss over the training images, measured while the weights changed.
    pub train_loss: f64,
    /// Fraction of training images misclassified, measured while the weights changed.
    pub train_error: f64,
    /// Mean loss over the validation images; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Fraction of validation images misclassified; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_error: Option<f64>,
    /// Mean loss over the test images.
    pub test_loss: f64,
    /// Fraction of test images misclassified.
    pub test_error: f64,
    /// The evaluation of the averaged network; absent in runs without averaging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub averaged: Option<AveragedRecord>,
    /// Training images per second.
    pub images_per_second: f64,
    /// Time of the training steps, without evaluation; zero if it was not recorded.
    #[serde(default)]
    pub seconds: f64,
    /// The record of each sparse coding layer.
    pub layers: Vec<LayerRecord>,
}

/// The evaluation of a network averaged over the steps so far. Errors are fractions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AveragedRecord {
    /// Mean loss over the validation images; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// Fraction of validation images misclassified; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_error: Option<f64>,
    /// Mean loss over the test images.
    pub test_loss: f64,
    /// Fraction of test images misclassified.
    pub test_error: f64,
    /// Fraction of active code entries on the test images, per sparse coding layer.
    pub active: Vec<f64>,
}

/// Returns the epoch of a run with the smallest validation error. Ties go to the smaller validation
/// loss, then to the earlier epoch. Returns None without validation images.
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

/// The record of a sparse coding layer in an epoch of training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LayerRecord {
    /// Fraction of active code entries.
    pub active: f64,
    /// λ1 at the end of the epoch, averaged over atoms.
    pub lambda1: f64,
    /// Solver passes per window.
    pub passes: f64,
    /// Largest KKT residual of any window.
    #[serde(rename = "kkt")]
    pub residual: f64,
    /// Number of windows that missed the tolerance.
    pub unconverged: u64,
    /// Condition number of `H` at the end of the epoch; absent if it is infinite.
    pub condition: Option<f64>,
}
