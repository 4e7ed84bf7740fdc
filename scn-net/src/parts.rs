//! Parts of a batch, one for each device or process.

use std::ops::Range;

use crate::shape::Shape;
use crate::tensor::Tensor;

/// Copies some images of a batch.
pub(crate) fn part(batch: &Tensor, images: Range<usize>) -> Tensor {
    let shape = batch.shape();
    let plane = shape.height * shape.width;
    let mut part = Tensor::unspecified(Shape {
        images: images.len(),
        ..shape
    });
    let places = part
        .data_mut()
        .chunks_exact_mut((images.len() * plane).max(1));
    for (channel, place) in places.enumerate() {
        place.copy_from_slice(&batch.channel(channel)[images.start * plane..images.end * plane]);
    }
    part
}
