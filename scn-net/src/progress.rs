//! What a run tells those who watch.

use scn_data::FitProgress;

use crate::learning::LearningProgress;
use crate::network::Network;
use crate::record::EpochRecord;
use crate::report::Activity;

/// Where a run begins, or goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
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
#[non_exhaustive]
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
    /// While mean, scale and whitening are fitted to the training images, several times a second:
    /// whitening may take minutes. Never where they are known.
    fn fitting(&mut self, _progress: &FitProgress) {}
    /// While dictionaries are learned from a sample of the training images, several times a second:
    /// after the fit, in runs that begin with `network.dictionary = "learned"`.
    fn learning(&mut self, _progress: &LearningProgress) {}
    /// Before the first step.
    fn begin(&mut self, _beginning: &Beginning<'_>) {}
    /// After each step, in order; on a graphics processor while the next one is being computed.
    fn step(&mut self, _progress: &StepProgress<'_>) {}
    /// Between training and evaluation of an epoch.
    fn evaluating(&mut self, _epoch: u64) {}
    /// After the evaluation of each epoch, before its files are written: a run that ends in between
    /// comes here again when it is resumed.
    fn evaluated(&mut self, _record: &EpochRecord, _network: &Network) {}
    /// After each epoch, when its files are written, with the network as it is then.
    fn epoch(&mut self, _record: &EpochRecord, _network: &Network) {}
    /// Asked after each step, where true ends the run with a checkpoint, and after each
    /// [`fitting`](Self::fitting) and [`learning`](Self::learning), where it ends the run before
    /// anything is written.
    fn stop(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
