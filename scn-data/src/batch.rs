//! Batches of images, and plans of batches.

use std::ops::Range;

use crate::augment::Placement;

/// Normalised images with their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Pixels in the order N, C, H, W.
    pub pixels: Vec<f32>,
    /// N, C, H, W. N is at least 1, except in a [part](crate::Loader::parts) without images.
    pub shape: [usize; 4],
    /// Label of each of the N images; for mixed images, the label of the one with the larger
    /// weight.
    pub labels: Vec<u16>,
    /// The images mixed in; `None` without [mixup](crate::Loader::with_mixup).
    pub mixture: Option<Mixture>,
}

/// The weight and the labels of the images that were mixed into a batch (mixup).
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// Weight of the images mixed in, from 0 to 1/2. The other images have weight 1 - `share`.
    pub share: f32,
    /// Label of the image mixed into each of the N images.
    pub labels: Vec<u16>,
}

/// The contents of a batch, except its pixels. The batch can be made elsewhere from the bytes of
/// the [`ImageSet`](crate::ImageSet), for example on a GPU.
///
/// Image n of the batch is image `images[n]` of the [set](crate::Loader::image_set), first
/// [normalised](crate::Loader::normalization), then placed according to `placements[n]`.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchPlan {
    /// Index in the set of each of the N images.
    pub images: Vec<usize>,
    /// Flip and shift of each of the N images.
    pub placements: Vec<Placement>,
    /// Label of each of the N images.
    pub labels: Vec<u16>,
    /// The images to be mixed in; `None` without [mixup](crate::Loader::with_mixup).
    pub mixture: Option<PlannedMixture>,
}

/// The images to be mixed into a batch.
///
/// Let x_n be image n before mixing, and y_n its partner. The mixed image is, in f32 with one
/// rounding after the difference (`mul_add`),
///
/// ```text
/// x_n + share (y_n - x_n) = (1 - share) x_n + share y_n
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedMixture {
    /// Weight of the partners, from 0 to 1/2.
    pub share: f32,
    /// Index in the set of each of the N partners.
    pub images: Vec<usize>,
    /// Flip and shift of each of the N partners.
    pub placements: Vec<Placement>,
    /// Label of each of the N partners.
    pub labels: Vec<u16>,
}

impl Batch {
    /// Returns the part of the batch with these images. Indices beyond the batch are ignored.
    pub fn part(&self, images: Range<usize>) -> Self {
        let [count, channels, height, width] = self.shape;
        let images = within(images, count);
        let volume = channels * height * width;
        Self {
            pixels: self.pixels[images.start * volume..images.end * volume].to_vec(),
            shape: [images.len(), channels, height, width],
            labels: self.labels[images.clone()].to_vec(),
            mixture: self.mixture.as_ref().map(|mixture| mixture.part(images)),
        }
    }
}

impl Mixture {
    /// Returns the mixture of these images. Indices beyond the batch are ignored.
    pub fn part(&self, images: Range<usize>) -> Self {
        let images = within(images, self.labels.len());
        Self {
            share: self.share,
            labels: self.labels[images].to_vec(),
        }
    }
}

impl BatchPlan {
    /// Returns the plan of these images. Indices beyond the batch are ignored.
    pub fn part(&self, images: Range<usize>) -> Self {
        let images = within(images, self.images.len());
        let mixture = self.mixture.as_ref().map(|mixture| PlannedMixture {
            share: mixture.share,
            images: mixture.images[images.clone()].to_vec(),
            placements: mixture.placements[images.clone()].to_vec(),
            labels: mixture.labels[images.clone()].to_vec(),
        });
        Self {
            images: self.images[images.clone()].to_vec(),
            placements: self.placements[images.clone()].to_vec(),
            labels: self.labels[images].to_vec(),
            mixture,
        }
    }
}

/// Limits a range to `0..count`.
fn within(images: Range<usize>, count: usize) -> Range<usize> {
    let end = images.end.min(count);
    images.start.min(end)..end
}
