//! The images of a loader on a device.

use std::sync::Arc;

use scn_data::{BatchPlan, ImageSet, Loader, Normalization, Placement};
use scn_gpu::{Context, Images, MapShape, Pick, Picks, TargetSettings, Targets, mix_images};

use super::map::Map;
use crate::error::NetError;
use crate::shape::Shape;

/// The images of a loader on a device, and the table that selects a batch of them.
#[derive(Debug)]
pub(super) struct Held {
    images: Images,
    pub(super) picks: Picks,
    /// The table that selects the images mixed into a batch, once there are any.
    partners: Option<Picks>,
    classes: usize,
    /// The set that the images come from.
    set: Arc<ImageSet>,
    normalization: Arc<Normalization>,
}

impl Held {
    /// Copies the images to the device. Returns None if they are contrast-normalised or whitened,
    /// which is done on the CPU, if their pixels are floating-point numbers, or if they take more
    /// than half of the free memory.
    pub(super) fn new(
        context: &Context,
        loader: &Loader,
        classes: usize,
    ) -> Result<Option<Self>, NetError> {
        let (set, normalization) = (loader.image_set(), loader.normalization());
        let plain = normalization.contrast().is_none() && normalization.whitening().is_none();
        let fits = context
            .memory_free()
            .is_some_and(|free| set.pixels().len() <= free / 2);
        let pixels = match set.pixels().bytes() {
            Some(pixels) if plain && fits => pixels,
            _ => return Ok(None),
        };
        let [channels, height, width] = set.shape();
        let shape = MapShape {
            channels,
            images: set.len(),
            height,
            width,
        };
        let (mean, scale) = (normalization.mean(), normalization.scale());
        let images = Images::upload(context, shape, pixels, mean, scale)?;
        Ok(Some(Self {
            picks: Picks::new(&images, loader.batch_size(), classes)?,
            partners: None,
            classes,
            images,
            set: Arc::clone(set),
            normalization: Arc::clone(normalization),
        }))
    }

    /// Whether these are the images of this loader, whose batches fit in the table.
    pub(super) fn is_of(&self, loader: &Loader) -> bool {
        Arc::ptr_eq(&self.set, loader.image_set())
            && Arc::ptr_eq(&self.normalization, loader.normalization())
            && loader.batch_size() <= self.picks.capacity()
    }

    /// Selects the images of the next batch.
    pub(super) fn set(&mut self, plan: &BatchPlan) -> Result<(), NetError> {
        if let Some(mixture) = &plan.mixture {
            let partners = match &mut self.partners {
                Some(partners) => partners,
                none => {
                    let capacity = self.picks.capacity();
                    none.insert(Picks::new(&self.images, capacity, self.classes)?)
                }
            };
            partners.set(
                &picks(&mixture.images, &mixture.placements),
                &mixture.labels,
            )?;
        }
        let picks = picks(&plan.images, &plan.placements);
        Ok(self.picks.set(&picks, &plan.labels)?)
    }

    /// Returns the selected batch, without the images to mix in.
    pub(super) fn batch(&self, context: &Context) -> Result<Map, NetError> {
        self.picked(&self.picks, context)
    }

    /// Returns the selected batch, mixed if `mixes`, and its targets.
    pub(super) fn training_batch<'a>(
        &'a self,
        context: &Context,
        settings: &'a TargetSettings,
        mixes: bool,
    ) -> Result<(Map, Targets<'a>), NetError> {
        let mut map = self.batch(context)?;
        let mut targets = Targets::new(self.picks.labels(self.picks.len())?, settings);
        if let (true, Some(partners)) = (mixes, &self.partners) {
            let mixed_in = self.picked(partners, context)?;
            mix_images(settings, &mixed_in.data, &mut map.data)?;
            targets = targets.mixed_with(partners.labels(partners.len())?);
        }
        Ok((map, targets))
    }

    fn picked(&self, picks: &Picks, context: &Context) -> Result<Map, NetError> {
        let MapShape {
            channels,
            height,
            width,
            ..
        } = self.images.shape();
        let shape = Shape {
            channels,
            images: picks.len(),
            height,
            width,
        };
        let mut map = Map::unspecified(context, shape)?;
        self.images.batch(picks, shape.images, &mut map.data)?;
        Ok(map)
    }
}

/// Returns the images of a set to pick, flipped and shifted as planned.
fn picks(images: &[usize], placements: &[Placement]) -> Vec<Pick> {
    let pairs = images.iter().zip(placements);
    let picks = pairs.map(|(&image, placement)| {
        Pick::new(image)
            .flipped(placement.flip)
            .moved(placement.down, placement.right)
    });
    picks.collect()
}
