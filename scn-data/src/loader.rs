//! Cutting a set of images into batches.

use std::ops::Range;
use std::sync::Arc;

use crate::augment::Augmentation;
use crate::batch::BatchPlan;
use crate::epoch::{Epoch, Plans};
use crate::error::{BatchError, DataError, ImageError};
use crate::images::ImageSet;
use crate::maker::Maker;
use crate::memory::{bytes_of, check_memory};
use crate::mixup::Mixup;
use crate::normalize::Normalization;
use crate::recipe::{LastBatch, Recipe, Shuffle};

/// Cuts a set of images into batches.
///
/// Images are normalised when their batch is made. If they are to be whitened, that would cost too
/// much: then all are, once, when the loader is made, and kept: 4 C H W bytes each, 614 MB for the
/// 50,000 of CIFAR-10.
///
/// Cheap to clone. A loader has no state: an epoch depends only on what the loader was made with
/// and on the epoch's number, the order of its images on (seed, epoch), the flips, shifts and
/// mixtures of a batch on (seed, epoch, batch).
#[derive(Debug, Clone)]
pub struct Loader {
    recipe: Recipe,
}

impl Loader {
    /// A loader for training: it shuffles the images anew in each epoch and augments them.
    ///
    /// # Errors
    /// [`BatchError::BatchSize`], [`ImageError::NoImages`], [`BatchError::NormalizationShape`] if
    /// the normalisation is for images of another shape, [`BatchError::Shift`] if the shift is not
    /// smaller than the images, [`BatchError::Group`] if there are to be groups of no image.
    pub fn training(
        images: Arc<ImageSet>,
        normalization: Arc<Normalization>,
        augmentation: Augmentation,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self, DataError> {
        augmentation.check(images.shape())?;
        let mut loader = Self::in_order(images, normalization, batch_size)?;
        loader.recipe.shuffle = Some(Shuffle { augmentation, seed });
        Ok(loader)
    }

    /// A loader for evaluation: images in their order and unchanged, the same in every epoch.
    ///
    /// # Errors
    /// [`BatchError::BatchSize`], [`ImageError::NoImages`], [`BatchError::NormalizationShape`];
    /// [`DataError::Memory`] for more images than can be kept whitened.
    pub fn in_order(
        images: Arc<ImageSet>,
        normalization: Arc<Normalization>,
        batch_size: usize,
    ) -> Result<Self, DataError> {
        if batch_size == 0 {
            return Err(BatchError::BatchSize.into());
        }
        if images.is_empty() {
            return Err(ImageError::NoImages.into());
        }
        if images.shape() != normalization.shape() {
            let (expected, found) = (images.shape(), normalization.shape());
            return Err(BatchError::NormalizationShape { expected, found }.into());
        }
        if normalization.whitening().is_some() {
            let bytes = bytes_of::<f32>(&[images.pixels().len()]);
            check_memory("the whitened images", bytes)?;
        }
        let whitened = normalization.whitened(&images).map(Arc::new);
        let recipe = Recipe {
            images,
            normalization,
            whitened,
            batch_size,
            last_batch: LastBatch::Kept,
            shuffle: None,
            mixup: None,
            mirrored: false,
        };
        Ok(Self { recipe })
    }

    /// Keeps or drops the last batch of an epoch where it is smaller than the others; without this
    /// call it is kept.
    ///
    /// # Errors
    /// [`BatchError::NoWholeBatch`] if that would leave none.
    pub fn with_last_batch(self, last_batch: LastBatch) -> Result<Self, DataError> {
        let mut recipe = self.recipe;
        if last_batch == LastBatch::Dropped && recipe.images.len() < recipe.batch_size {
            let (images, batch_size) = (recipe.images.len(), recipe.batch_size);
            return Err(BatchError::NoWholeBatch { images, batch_size }.into());
        }
        recipe.last_batch = last_batch;
        Ok(Self { recipe })
    }

    /// Mixes the images of each batch with one another (Zhang, Cisse, Dauphin, Lopez-Paz, "mixup:
    /// Beyond empirical risk minimization", ICLR 2018): with one λ for a batch, from the
    /// distribution Beta(`alpha`, `alpha`), and a random order of its images, image n becomes λ of
    /// itself and 1 - λ of the n-th in that order, both flipped and shifted before. λ is at least
    /// 1/2: a smaller one is exchanged for 1 - λ, which gives the same mixtures with the same
    /// probabilities. [`Batch::mixture`](crate::Batch::mixture) has the labels that are mixed in.
    ///
    /// λ and order depend on (seed, epoch, batch); a loader that does not shuffle does not mix.
    ///
    /// # Errors
    /// [`BatchError::Mixup`] if `alpha` is not above 0 or beyond 1000.
    pub fn with_mixup(self, alpha: f64) -> Result<Self, DataError> {
        let mut recipe = self.recipe;
        recipe.mixup = Some(Mixup::new(alpha)?);
        Ok(Self { recipe })
    }

    /// The same batches with every image mirrored, left and right, as the last step: after
    /// normalisation, whitening, flip and shift. Mirroring twice gives the loader again.
    ///
    /// Pixels of the set are neither copied nor changed.
    pub fn mirrored(self) -> Self {
        let mut recipe = self.recipe;
        recipe.mirrored = !recipe.mirrored;
        Self { recipe }
    }

    /// Number of batches in an epoch; the last one may be smaller, if it is kept.
    pub fn batches(&self) -> usize {
        self.recipe.batches()
    }

    /// Number of images in an epoch.
    pub fn images(&self) -> usize {
        self.recipe.images_used()
    }

    /// Number of images in the largest batch: the batch size, or all images if there are fewer.
    pub fn batch_size(&self) -> usize {
        self.recipe.largest_batch()
    }

    /// The whole set of images, including those that a dropped last batch leaves out.
    pub fn image_set(&self) -> &Arc<ImageSet> {
        &self.recipe.images
    }

    /// The normalisation of the images.
    pub fn normalization(&self) -> &Arc<Normalization> {
        &self.recipe.normalization
    }

    /// The batches of an epoch from `first_batch` on: bit for bit those that remain of the whole
    /// epoch after that many were taken, and none if there are not that many.
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Epoch {
        Epoch::new(Maker::new(&self.recipe, epoch), first_batch)
    }

    /// Some images of some batches of an epoch, made ahead of their use: of each batch that is named, in this order, a run of images.
    /// What a batch has in no run is not made; a batch or an image that is not there is left out, and a part may have no image. For
    /// processes that share batches.
    pub fn parts(
        &self,
        epoch: u64,
        parts: impl IntoIterator<Item = (usize, Range<usize>)>,
    ) -> Epoch {
        let there = parts
            .into_iter()
            .filter(|&(batch, _)| batch < self.batches());
        Epoch::of_parts(Maker::new(&self.recipe, epoch), there.collect())
    }

    /// The number of images in a batch; 0 if there are not that many batches.
    pub fn images_of(&self, batch: usize) -> usize {
        if batch < self.batches() {
            self.recipe.images_of(batch)
        } else {
            0
        }
    }

    /// The plans of the batches of an epoch from `first_batch` on, in the order of
    /// [`epoch`](Self::epoch); none if there are not that many. The order of the images is drawn
    /// once.
    pub fn plans(&self, epoch: u64, first_batch: usize) -> Plans {
        Plans::new(Maker::new(&self.recipe, epoch), first_batch)
    }

    /// The plan of batch `batch` of an epoch; None if there are not that many. Draws the order of
    /// all images of the epoch: for several batches, [`plans`](Self::plans) is cheaper.
    pub fn plan(&self, epoch: u64, batch: usize) -> Option<BatchPlan> {
        self.plans(epoch, batch).next()
    }
}
