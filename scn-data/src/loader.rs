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
/// Images are normalised when their batch is made. Whitening would be too expensive there. With
/// whitening, the loader therefore normalises all images once, when it is created, and keeps them:
/// 4 C H W bytes each, 614 MB for the 50,000 images of CIFAR-10.
///
/// Cloning is cheap. A loader has no state: an epoch depends only on the settings of the loader and
/// on the number of the epoch. The order of the images depends on (seed, epoch); the flips, shifts
/// and mixtures of a batch depend on (seed, epoch, batch).
#[derive(Debug, Clone)]
pub struct Loader {
    recipe: Recipe,
}

impl Loader {
    /// Creates a loader for training, which augments the images and shuffles them in each epoch.
    ///
    /// # Errors
    /// Same as [`in_order`](Self::in_order). Also returns [`BatchError::Shift`] if the shift is not
    /// smaller than the images, and [`BatchError::Group`] if images are drawn in groups of size 0.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::{Augmentation, ImageSet, Loader, Normalization};
    /// # use std::sync::Arc;
    ///
    /// // Ten images of one pixel, whose values are 0 to 9.
    /// let names = ["grey".to_owned()];
    /// let images = ImageSet::new((0..10).collect(), [1, 1, 1], vec![0; 10], names, 255)?;
    /// let normalization = Normalization::from_parts([1, 1, 1], vec![0.0], 1.0)?;
    /// let (images, normalization) = (Arc::new(images), Arc::new(normalization));
    /// let loader = Loader::training(images, normalization, Augmentation::default(), 4, 7)?;
    ///
    /// // Every epoch visits each image once, in a different order.
    /// let epoch = |epoch| loader.epoch(epoch, 0).flat_map(|batch| batch.pixels);
    /// assert!(epoch(0).ne(epoch(1)));
    /// let mut sorted: Vec<f32> = epoch(0).collect();
    /// sorted.sort_by(f32::total_cmp);
    /// assert!(sorted.into_iter().eq((0..10).map(|value| value as f32)));
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
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

    /// Creates a loader for evaluation: images are in order and unchanged, the same in every epoch.
    ///
    /// # Errors
    /// Returns [`BatchError::BatchSize`] if the batch size is 0, [`ImageError::NoImages`] if the
    /// set is empty, [`BatchError::NormalizationShape`] if the normalisation is for images of a
    /// different shape, and [`DataError::Memory`] if the whitened images do not fit in memory.
    ///
    /// # Example
    ///
    /// ```
    /// use std::{path::Path, sync::Arc};
    /// use scn_data::{DatasetName, Loader, Normalization, NormalizationConfig};
    ///
    /// let digits = scn_data::open(DatasetName::Digits, Path::new(""))?;
    /// let normalization = Normalization::fit(&digits.train, NormalizationConfig::default())?;
    /// let test = Arc::new(digits.test);
    /// let loader = Loader::in_order(Arc::clone(&test), Arc::new(normalization), 100)?;
    ///
    /// let labels: Vec<Vec<u16>> = loader.epoch(0, 0).map(|batch| batch.labels).collect();
    /// assert!(labels.iter().map(Vec::len).eq([100, 100, 100, 60]));
    /// assert_eq!(labels.concat(), test.labels());
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
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

    /// Sets whether the last batch of an epoch is kept if it is smaller than the others. By default
    /// it is.
    ///
    /// # Errors
    /// Returns [`BatchError::NoWholeBatch`] if no batch would be left.
    pub fn with_last_batch(self, last_batch: LastBatch) -> Result<Self, DataError> {
        let mut recipe = self.recipe;
        if last_batch == LastBatch::Dropped && recipe.images.len() < recipe.batch_size {
            let (images, batch_size) = (recipe.images.len(), recipe.batch_size);
            return Err(BatchError::NoWholeBatch { images, batch_size }.into());
        }
        recipe.last_batch = last_batch;
        Ok(Self { recipe })
    }

    /// Mixes the images within each batch (Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond
    /// empirical risk minimization", ICLR 2018).
    ///
    /// Each batch has one λ, drawn from the distribution Beta(`alpha`, `alpha`), and a random order
    /// of its images. Image n becomes λ times itself plus 1 - λ times the n-th image in that order,
    /// both after flip and shift. λ is at least 1/2: a smaller one is replaced by 1 - λ, which
    /// gives the same mixtures with the same probabilities.
    /// [`Batch::mixture`](crate::Batch::mixture) has the labels of the images mixed in.
    ///
    /// λ and the order depend on (seed, epoch, batch). A loader that does not shuffle does not mix.
    ///
    /// # Errors
    /// Returns [`BatchError::Mixup`] unless `alpha` is above 0 and at most 1000.
    pub fn with_mixup(self, alpha: f64) -> Result<Self, DataError> {
        let mut recipe = self.recipe;
        recipe.mixup = Some(Mixup::new(alpha)?);
        Ok(Self { recipe })
    }

    /// Mirrors every image horizontally, as the last step after normalisation, whitening, flip and
    /// shift.
    ///
    /// Mirroring twice restores the original loader. The pixels of the set are neither copied nor
    /// changed.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::{ImageSet, Loader, Normalization};
    /// # use std::sync::Arc;
    ///
    /// let images = ImageSet::new(vec![1, 2, 3], [1, 1, 3], vec![0], ["row".to_owned()], 255)?;
    /// let normalization = Normalization::from_parts([1, 1, 3], vec![0.0; 3], 1.0)?;
    /// let loader = Loader::in_order(Arc::new(images), Arc::new(normalization), 1)?;
    /// let mirrored = loader.clone().mirrored();
    /// assert!(mirrored.epoch(0, 0).flat_map(|batch| batch.pixels).eq([3.0, 2.0, 1.0]));
    /// assert!(mirrored.mirrored().epoch(0, 0).eq(loader.epoch(0, 0)));
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
    pub fn mirrored(self) -> Self {
        let mut recipe = self.recipe;
        recipe.mirrored = !recipe.mirrored;
        Self { recipe }
    }

    /// Returns the number of batches in an epoch. The last one may be smaller, if it is kept.
    pub fn batches(&self) -> usize {
        self.recipe.batches()
    }

    /// Returns the number of images in an epoch.
    pub fn images(&self) -> usize {
        self.recipe.images_used()
    }

    /// Returns the number of images in the largest batch: the batch size, or all images if there
    /// are fewer.
    pub fn batch_size(&self) -> usize {
        self.recipe.largest_batch()
    }

    /// Returns the whole set of images, including those that a dropped last batch leaves out.
    pub fn image_set(&self) -> &Arc<ImageSet> {
        &self.recipe.images
    }

    /// Returns the normalisation of the images.
    pub fn normalization(&self) -> &Arc<Normalization> {
        &self.recipe.normalization
    }

    /// Iterates over the batches of an epoch, starting at `first_batch`.
    ///
    /// The batches are bit-identical to the last ones of the whole epoch. The iterator is empty if
    /// the epoch does not have batch `first_batch`.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::{Augmentation, Batch, DatasetName, Loader};
    /// use scn_data::{Normalization, NormalizationConfig};
    /// # use std::{path::Path, sync::Arc};
    ///
    /// let train = scn_data::open(DatasetName::Digits, Path::new(""))?.train;
    /// let normalization = Normalization::fit(&train, NormalizationConfig::default())?;
    /// let (train, normalization) = (Arc::new(train), Arc::new(normalization));
    /// let augmentation = Augmentation::default().with_shift(1);
    /// let loader = Loader::training(train, normalization, augmentation, 128, 7)?;
    ///
    /// // Resumed after five batches, epoch 3 continues with the same batches.
    /// let whole: Vec<Batch> = loader.epoch(3, 0).collect();
    /// let resumed: Vec<Batch> = loader.epoch(3, 5).collect();
    /// assert_eq!(resumed, whole[5..]);
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
    pub fn epoch(&self, epoch: u64, first_batch: usize) -> Epoch {
        Epoch::new(Maker::new(&self.recipe, epoch), first_batch)
    }

    /// Iterates over parts of the batches of an epoch, made ahead of their use.
    ///
    /// Each item of `parts` is the index of a batch and a range of its images; other images are not
    /// made. Batches and images that do not exist are left out, and a part may have no images. This
    /// is for processes that share batches.
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

    /// Returns the number of images in a batch, or 0 if the batch does not exist.
    pub fn images_of(&self, batch: usize) -> usize {
        if batch < self.batches() {
            self.recipe.images_of(batch)
        } else {
            0
        }
    }

    /// Iterates over the plans of the batches of an epoch, starting at `first_batch`.
    ///
    /// They are in the order of [`epoch`](Self::epoch). The iterator is empty if the epoch does not
    /// have batch `first_batch`. The order of the images is drawn once.
    pub fn plans(&self, epoch: u64, first_batch: usize) -> Plans {
        Plans::new(Maker::new(&self.recipe, epoch), first_batch)
    }

    /// Returns the plan of batch `batch` of an epoch, or `None` if the batch does not exist.
    ///
    /// This draws the order of all images of the epoch, so [`plans`](Self::plans) is cheaper for
    /// several batches.
    pub fn plan(&self, epoch: u64, batch: usize) -> Option<BatchPlan> {
        self.plans(epoch, batch).next()
    }
}
