//! Parts of a batch, one for each device.

use std::ops::Range;

use scn_data::{Batch, BatchPlan, Mixture, PlannedMixture};

use crate::error::NetError;
use crate::feed::Fed;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Some images of a batch, or of its plan.
pub(super) fn fed_part(fed: &Fed, images: Range<usize>) -> Fed {
    match fed {
        Fed::Plan(plan) => Fed::Plan(BatchPlan {
            images: plan.images[images.clone()].to_vec(),
            placements: plan.placements[images.clone()].to_vec(),
            labels: plan.labels[images.clone()].to_vec(),
            mixture: plan.mixture.as_ref().map(|mixture| PlannedMixture {
                share: mixture.share,
                images: mixture.images[images.clone()].to_vec(),
                placements: mixture.placements[images.clone()].to_vec(),
                labels: mixture.labels[images].to_vec(),
            }),
        }),
        Fed::Batch(batch) => {
            let [_, channels, height, width] = batch.shape;
            let volume = channels * height * width;
            Fed::Batch(Batch {
                pixels: batch.pixels[images.start * volume..images.end * volume].to_vec(),
                shape: [images.len(), channels, height, width],
                labels: batch.labels[images.clone()].to_vec(),
                mixture: batch
                    .mixture
                    .as_ref()
                    .map(|mixture| mixture_part(mixture, images)),
            })
        }
    }
}

/// What is mixed into some images of a batch.
pub(super) fn mixture_part(mixture: &Mixture, images: Range<usize>) -> Mixture {
    Mixture {
        share: mixture.share,
        labels: mixture.labels[images].to_vec(),
    }
}

/// Some images of a batch.
pub(super) fn part(batch: &Tensor, images: Range<usize>) -> Tensor {
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

/// The batch that has these parts.
pub(super) fn joined(parts: &[Tensor]) -> Result<Tensor, NetError> {
    let shape = Shape {
        images: parts.iter().map(|part| part.shape().images).sum(),
        ..parts[0].shape()
    };
    let rows =
        (0..shape.channels).flat_map(|channel| parts.iter().map(move |part| part.channel(channel)));
    Tensor::new(shape, rows.flatten().copied().collect())
}
