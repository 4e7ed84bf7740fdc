//! The shape of the activations of a batch.

/// The shape of a [`Tensor`](crate::Tensor).
///
/// # Example
///
/// ```
/// use scn_net::Shape;
///
/// // The codes of a layer with 16 atoms, for two images of 8 x 8 pixels.
/// let shape = Shape { channels: 16, images: 2, height: 8, width: 8 };
/// assert_eq!((shape.positions(), shape.len()), (128, 2048));
/// assert_eq!(shape.to_string(), "16 channels x 2 images x 8 x 8");
/// ```
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
