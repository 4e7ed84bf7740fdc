//! The images of a loader, on a device.

use scn_data::{BatchPlan, Loader};
use scn_gpu::{Context, Images, MapShape, Pick};

use crate::NetError;

/// The loader's set and normalisation on a device. None if images are contrast-normalised or whitened, which is done on the processor, or
/// if they take more than half of the memory that is free.
pub(crate) fn images_of(context: &Context, loader: &Loader) -> Result<Option<Images>, NetError> {
    let (set, normalization) = (loader.image_set(), loader.normalization());
    let plain = normalization.contrast().is_none() && normalization.whitening().is_none();
    let fits = context
        .memory_free()
        .is_some_and(|free| set.pixels().len() <= free / 2);
    if !plain || !fits {
        return Ok(None);
    }
    let [channels, height, width] = set.shape();
    let shape = MapShape {
        channels,
        images: set.len(),
        height,
        width,
    };
    let (mean, scale) = (normalization.mean(), normalization.scale());
    let images = Images::upload(context, shape, set.pixels(), mean, scale)?;
    Ok(Some(images))
}

/// What a plan says of the images of its batch.
pub(crate) fn picks_of(plan: &BatchPlan) -> Vec<Pick> {
    let pairs = plan.images.iter().zip(&plan.placements);
    pairs
        .map(|(&image, placement)| Pick {
            image,
            flip: placement.flip,
            down: placement.down,
            right: placement.right,
        })
        .collect()
}
