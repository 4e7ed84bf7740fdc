//! Observers of a run and the progress that they receive.

use scn_data::FitProgress;

use crate::learning::LearningProgress;
use crate::network::Network;
use crate::record::EpochRecord;
use crate::report::Activity;

/// The point at which a run starts or resumes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Beginning<'a> {
    /// Total number of epochs.
    pub epochs: u64,
    /// Number of steps per epoch.
    pub steps: usize,
    /// Records of the completed epochs; empty for a new run.
    pub history: &'a [EpochRecord],
    /// Number of completed steps of the next epoch.
    pub steps_done: usize,
}

/// The progress of a run within an epoch. Errors are fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StepProgress<'a> {
    /// The current epoch, counted from 1.
    pub epoch: u64,
    /// Total number of epochs.
    pub epochs: u64,
    /// Number of completed steps of this epoch.
    pub step: usize,
    /// Number of steps per epoch.
    pub steps: usize,
    /// Mean loss so far in this epoch.
    pub loss: f64,
    /// Fraction of images misclassified so far in this epoch.
    pub error: f64,
    /// Images per second so far in this epoch.
    pub images_per_second: f64,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Mean loss over the batch of this step.
    pub batch_loss: f64,
    /// Fraction of images misclassified in the batch of this step.
    pub batch_error: f64,
    /// Activity of each sparse coding layer on the batch of this step.
    pub activity: &'a [Activity],
}

/// An observer of a run, which can also stop it.
///
/// # Example
///
/// ```
/// use scn_net::scn_data::{DatasetName, open};
/// use scn_net::{Device, Observer, Outcome, RunStart, StepProgress, presets, train};
/// # use std::path::Path;
///
/// /// Stops a run after three steps.
/// struct ThreeSteps(usize);
/// impl Observer for ThreeSteps {
///     fn step(&mut self, _: &StepProgress<'_>) {
///         self.0 += 1;
///     }
///     fn stop(&self) -> bool {
///         self.0 == 3
///     }
/// }
/// let config = presets::get("digits")?;
/// let digits = open(DatasetName::Digits, Path::new(""))?;
/// let out = tempfile::tempdir()?;
/// let (device, mut observer) = (Device::cpu(None)?, ThreeSteps(0));
/// let outcome = train(&config, &digits, out.path(), RunStart::Fresh, &device, &mut observer)?;
/// assert_eq!(outcome, Outcome::Interrupted { epochs_done: 0, batches_done: 3 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer: Send {
    /// Called several times a second while mean, scale and whitening are fitted to the training
    /// images. Whitening may take minutes. Not called if they are already known.
    fn fitting(&mut self, _progress: &FitProgress) {}
    /// Called several times a second while dictionaries are learned from a sample of the training
    /// images: after the fit, in new runs with `network.dictionary = "learned"`.
    fn learning(&mut self, _progress: &LearningProgress) {}
    /// Called before the first step.
    fn begin(&mut self, _beginning: &Beginning<'_>) {}
    /// Called after each step, in order. On a GPU, the next step is being computed meanwhile.
    fn step(&mut self, _progress: &StepProgress<'_>) {}
    /// Called between the training and the evaluation of an epoch.
    fn evaluating(&mut self, _epoch: u64) {}
    /// Called after the evaluation of each epoch, before its files are written. A run that ends in
    /// between calls this again when it is resumed.
    fn evaluated(&mut self, _record: &EpochRecord, _network: &Network) {}
    /// Called after each epoch, once its files are written, with the network at that time.
    fn epoch(&mut self, _record: &EpochRecord, _network: &Network) {}
    /// Whether to stop the run. Called after each step, where true ends the run with a checkpoint.
    /// Also called after each [`fitting`](Self::fitting) and [`learning`](Self::learning), where
    /// true ends the run before anything is written.
    fn stop(&self) -> bool {
        false
    }
}

/// An observer that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
