//! Batches of images, and the plans of batches.

use crate::augment::Placement;

/// Normalised images with their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Pixels, N, C, H, W.
    pub pixels: Vec<f32>,
    /// N, C, H, W; N is at least 1.
    pub shape: [usize; 4],
    /// Label of each of the N images.
    pub labels: Vec<u16>,
}

/// What is in a batch: everything but the pixels, so that others can make the batch from the bytes
/// of the [`ImageSet`](crate::ImageSet), on a graphics processor for example.
///
/// Image n of the batch is image `images[n]` of the [set](crate::Loader::image_set), first
/// [normalised](crate::Loader::normalization), then placed as `placements[n]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchPlan {
    /// The place in the set of each of the N images.
    pub images: Vec<usize>,
    /// Flip and shift of each of the N images.
    pub placements: Vec<Placement>,
    /// Label of each of the N images.
    pub labels: Vec<u16>,
}
