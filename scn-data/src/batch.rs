//! Batches of images, and the plans of batches.

use std::ops::Range;

use crate::augment::Placement;

/// Normalised images with their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Pixels, N, C, H, W.
    pub pixels: Vec<f32>,
    /// N, C, H, W; N is at least 1, but for a [part](crate::Loader::parts) without images.
    pub shape: [usize; 4],
    /// Label of each of the N images; of mixed images that of the heavier one.
    pub labels: Vec<u16>,
    /// What has been mixed into the images; absent without [mixup](crate::Loader::with_mixup).
    pub mixture: Option<Mixture>,
}

/// The lighter parts of mixed images (mixup).
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// Share of the lighter images, from 0 to 1/2; that of the heavier ones is 1 - `share`.
    pub share: f32,
    /// Label of the lighter one of each of the N images.
    pub labels: Vec<u16>,
}

/// What is in a batch: everything but the pixels, so that others can make the batch from the bytes
/// of the [`ImageSet`](crate::ImageSet), on a graphics processor for example.
///
/// Image n of the batch is image `images[n]` of the [set](crate::Loader::image_set), first
/// [normalised](crate::Loader::normalization), then placed as `placements[n]` says.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchPlan {
    /// The place in the set of each of the N images.
    pub images: Vec<usize>,
    /// Flip and shift of each of the N images.
    pub placements: Vec<Placement>,
    /// Label of each of the N images.
    pub labels: Vec<u16>,
    /// What is mixed into the images; absent without [mixup](crate::Loader::with_mixup).
    pub mixture: Option<PlannedMixture>,
}

/// What is to be mixed into the images of a batch. With x_n, image n as it is without, and y_n, its
/// partner, the mixed image is, in f32 with one rounding after the difference (`mul_add`),
///
/// ```text
/// x_n + share (y_n - x_n) = (1 - share) x_n + share y_n
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedMixture {
    /// Share of the partners, from 0 to 1/2.
    pub share: f32,
    /// The place in the set of each of the N partners.
    pub images: Vec<usize>,
    /// Flip and shift of each of the N partners.
    pub placements: Vec<Placement>,
    /// Label of each of the N partners.
    pub labels: Vec<u16>,
}

impl Batch {
    /// Some of its images; those that it does not have are left out.
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
    /// That of some of its images; those that it does not have are left out.
    pub fn part(&self, images: Range<usize>) -> Self {
        let images = within(images, self.labels.len());
        Self {
            share: self.share,
            labels: self.labels[images].to_vec(),
        }
    }
}

impl BatchPlan {
    /// The plan of some of its images; those that it does not have are left out.
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

/// What lies within so many images.
fn within(images: Range<usize>, count: usize) -> Range<usize> {
    let end = images.end.min(count);
    images.start.min(end)..end
}
