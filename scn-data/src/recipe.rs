//! What a set of images is cut into: the settings of a loader, and how many batches they give.

use std::sync::Arc;

use crate::augment::Augmentation;
use crate::images::ImageSet;
use crate::mixup::Mixup;
use crate::normalize::Normalization;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the images at the end of an epoch that do not fill a batch are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LastBatch {
    /// They form a smaller batch.
    #[default]
    Kept,
    /// They are left out; the next epoch, in another order, leaves out others.
    Dropped,
}

/// Everything that decides what is in the batches of all epochs. There is at least one image, and
/// at least one batch.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) images: Arc<ImageSet>,
    pub(crate) normalization: Arc<Normalization>,
    /// All images normalised, if they are whitened.
    pub(crate) whitened: Option<Arc<Vec<f32>>>,
    /// At least 1; may exceed the number of images.
    pub(crate) batch_size: usize,
    pub(crate) last_batch: LastBatch,
    /// Absent for evaluation.
    pub(crate) shuffle: Option<Shuffle>,
    /// How images are mixed, in training.
    pub(crate) mixup: Option<Mixup>,
    /// Whether every image of every batch is mirrored.
    pub(crate) mirrored: bool,
}

/// What differs from epoch to epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shuffle {
    pub(crate) augmentation: Augmentation,
    pub(crate) seed: u64,
}

impl Recipe {
    /// Batches in an epoch.
    pub(crate) fn batches(&self) -> usize {
        match self.last_batch {
            LastBatch::Kept => self.images.len().div_ceil(self.batch_size),
            LastBatch::Dropped => self.images.len() / self.batch_size,
        }
    }

    /// Images in a batch, which is one of the epoch.
    pub(crate) fn images_of(&self, batch: usize) -> usize {
        // Not the end of the batch, which a batch size near the largest integer would overflow.
        (self.images.len() - batch * self.batch_size).min(self.batch_size)
    }

    /// Images in an epoch.
    pub(crate) fn images_used(&self) -> usize {
        match self.last_batch {
            LastBatch::Kept => self.images.len(),
            LastBatch::Dropped => self.batches() * self.batch_size,
        }
    }

    /// Images in the largest batch.
    pub(crate) fn largest_batch(&self) -> usize {
        self.batch_size.min(self.images.len())
    }
}
