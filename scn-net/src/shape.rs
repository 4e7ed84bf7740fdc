//! Extents of the activations of a batch.

/// Extents of a [`Tensor`](crate::Tensor).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Channels, or atoms, or classes.
    pub channels: usize,
    /// Images of the batch.
    pub images: usize,
    /// Rows of the map.
    pub height: usize,
    /// Columns of the map.
    pub width: usize,
}

impl Shape {
    /// Numbers per channel: images × height × width.
    pub fn positions(&self) -> usize {
        self.images * self.height * self.width
    }

    /// Numbers in all.
    pub fn len(&self) -> usize {
        self.channels * self.positions()
    }

    /// Whether there is nothing.
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
