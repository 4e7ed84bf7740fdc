//! The settings of a loader, and the number of batches that they give.

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
    /// The remaining images form a smaller batch.
    #[default]
    Kept,
    /// The remaining images are left out; the next epoch, in a different order, leaves out others.
    Dropped,
}

/// Everything that determines the batches of all epochs. There is at least one image, and at least
/// one batch.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) images: Arc<ImageSet>,
    pub(crate) normalization: Arc<Normalization>,
    /// All images normalised, if there is whitening.
    pub(crate) whitened: Option<Arc<Vec<f32>>>,
    /// At least 1; may exceed the number of images.
    pub(crate) batch_size: usize,
    pub(crate) last_batch: LastBatch,
    /// `None` for evaluation.
    pub(crate) shuffle: Option<Shuffle>,
    /// How training images are mixed.
    pub(crate) mixup: Option<Mixup>,
    /// Whether every image of every batch is mirrored.
    pub(crate) mirrored: bool,
}

/// Settings of the random choices, which differ from epoch to epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shuffle {
    pub(crate) augmentation: Augmentation,
    pub(crate) seed: u64,
}

impl Recipe {
    /// Number of batches in an epoch.
    pub(crate) fn batches(&self) -> usize {
        match self.last_batch {
            LastBatch::Kept => self.images.len().div_ceil(self.batch_size),
            LastBatch::Dropped => self.images.len() / self.batch_size,
        }
    }

    /// Number of images in a batch, which must be in the epoch.
    pub(crate) fn images_of(&self, batch: usize) -> usize {
        // The end of the batch is not computed, because it would overflow for a batch size near the
        // largest integer.
        (self.images.len() - batch * self.batch_size).min(self.batch_size)
    }

    /// Number of images in an epoch.
    pub(crate) fn images_used(&self) -> usize {
        match self.last_batch {
            LastBatch::Kept => self.images.len(),
            LastBatch::Dropped => self.batches() * self.batch_size,
        }
    }

    /// Number of images in the largest batch.
    pub(crate) fn largest_batch(&self) -> usize {
        self.batch_size.min(self.images.len())
    }
}
