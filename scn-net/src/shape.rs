//! The shape of the activations of a batch.

/// The shape of a [`Tensor`](crate::Tensor).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Number of channels, atoms or classes.
    pub channels: usize,
    /// Number of images of the batch.
    pub images: usize,
    /// Number of rows of the map.
    pub height: usize,
    /// Number of columns of the map.
    pub width: usize,
}

impl Shape {
    /// Returns the number of entries per channel: images × height × width.
    pub fn positions(&self) -> usize {
        self.images * self.height * self.width
    }

    /// Returns the total number of entries.
    pub fn len(&self) -> usize {
        self.channels * self.positions()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} channels x {} images x {} x {}",
            self.channels, self.images, self.height, self.width
        )
    }
}
