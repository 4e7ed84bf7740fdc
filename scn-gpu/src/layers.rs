//! The layers between the codes and the loss.

pub mod batch_norm;
pub mod classifier;
pub mod loss;
pub mod pooling;

use crate::launch::launch;
use crate::launch::layers::LayOutImages;
use crate::windows::int;
use crate::{Buffer, GpuError, MapShape};

/// Images that come one after the other (image, channel, row, column), laid out as a map, channel by channel.
///
/// # Errors
/// Other lengths than the shape says.
pub fn lay_out_images(
    images: &Buffer<f32>,
    shape: MapShape,
    map: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let lay_out = LayOutImages {
        images: images.view(),
        image_count: int("the number of images", shape.images)?,
        channels: int("the number of channels", shape.channels)?,
        plane: int("the pixels of an image", shape.height * shape.width)?,
        map: map.view_mut(),
    };
    launch(images.context(), &lay_out)
}
