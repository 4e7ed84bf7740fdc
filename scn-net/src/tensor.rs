//! Activations of a batch.

use std::sync::Arc;

use scn_data::Batch;

use crate::buffer::Buffer;
use crate::error::NetError;
use crate::shape::Shape;

/// Activations of a batch, channel by channel: entry (c, i, y, x) is at `((c N + i) H + y) W + x`.
///
/// A map of codes is thus their n × P matrix in row-major order, with P = N H W, and each channel
/// is contiguous. Clones share their memory until one of them is written to.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Arc<Buffer>,
}

impl Tensor {
    /// Creates a tensor from `shape.len()` numbers.
    ///
    /// # Errors
    /// Returns [`NetError::Length`] if there are not `shape.len()` numbers.
    pub fn new(shape: Shape, data: Vec<f32>) -> Result<Self, NetError> {
        if data.len() != shape.len() {
            return Err(NetError::Length {
                shape,
                expected: shape.len(),
                found: data.len(),
            });
        }
        Ok(Self {
            shape,
            data: Arc::new(Buffer::from(data)),
        })
    }

    /// Creates a tensor of zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self {
            shape,
            data: Arc::new(Buffer::zeros(shape.len())),
        }
    }

    /// Creates a tensor of unspecified values. Write every number before reading it.
    pub(crate) fn unspecified(shape: Shape) -> Self {
        Self {
            shape,
            data: Arc::new(Buffer::unspecified(shape.len())),
        }
    }

    /// Creates a tensor from a batch, whose images come one after the other.
    ///
    /// # Errors
    /// Returns [`NetError::Length`] if the number of pixels does not match the shape of the batch.
    pub fn from_batch(batch: &Batch) -> Result<Self, NetError> {
        let [images, channels, height, width] = batch.shape;
        Self::from_images(
            &batch.pixels,
            Shape {
                channels,
                images,
                height,
                width,
            },
        )
    }

    /// Creates a tensor from images that come one after the other (N, C, H, W).
    ///
    /// # Errors
    /// Returns [`NetError::Length`] if there are not `shape.len()` pixels.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Shape, Tensor};
    ///
    /// // Two images with three channels of one pixel.
    /// let shape = Shape { channels: 3, images: 2, height: 1, width: 1 };
    /// let tensor = Tensor::from_images(&[1.0, 2.0, 3.0, 10.0, 20.0, 30.0], shape)?;
    /// assert_eq!(tensor.channel(0), [1.0, 10.0]);
    /// assert_eq!(tensor.data(), [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    /// assert!(tensor.column(1).eq([10.0, 20.0, 30.0]));
    /// # Ok::<(), scn_net::NetError>(())
    /// ```
    pub fn from_images(pixels: &[f32], shape: Shape) -> Result<Self, NetError> {
        if pixels.len() != shape.len() {
            return Err(NetError::Length {
                shape,
                expected: shape.len(),
                found: pixels.len(),
            });
        }
        let plane = shape.height * shape.width;
        let mut tensor = Self::unspecified(shape);
        let mut planes = tensor.data_mut().chunks_exact_mut(plane.max(1));
        for channel in 0..shape.channels {
            for (image, into) in (0..shape.images).zip(&mut planes) {
                let from = (image * shape.channels + channel) * plane;
                into.copy_from_slice(&pixels[from..from + plane]);
            }
        }
        Ok(tensor)
    }

    /// Returns the shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns all numbers.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Returns all numbers as a mutable slice. Copies them first if a clone shares them.
    pub fn data_mut(&mut self) -> &mut [f32] {
        Arc::<Buffer>::make_mut(&mut self.data)
    }

    /// Returns the `shape().positions()` numbers of a channel.
    pub fn channel(&self, channel: usize) -> &[f32] {
        let positions = self.shape.positions();
        &self.data[channel * positions..][..positions]
    }

    /// Returns the logits of an image, for a tensor of logits (classes × images × 1 × 1).
    pub fn column(&self, image: usize) -> impl Iterator<Item = f32> + Clone {
        let positions = self.shape.positions();
        (0..self.shape.channels).map(move |channel| self.data[channel * positions + image])
    }
}
