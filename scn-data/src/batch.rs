//! What a training step takes in.

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
