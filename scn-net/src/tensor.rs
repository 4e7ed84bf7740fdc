//! Activations of a batch.

use std::sync::Arc;

use scn_data::Batch;

use crate::buffer::Buffer;
use crate::error::NetError;
use crate::shape::Shape;

/// Activations of a batch, channel by channel: entry (c, i, y, x) is at `((c N + i) H + y) W + x`.
///
/// So a map of codes is their n × P matrix in row-major order, P = N H W, and a channel is one run
/// of memory. Clones share their memory until one is written to.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Arc<Buffer>,
}

impl Tensor {
    /// Takes `shape.len()` numbers.
    ///
    /// # Errors
    /// Another number of numbers.
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

    /// All zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self {
            shape,
            data: Arc::new(Buffer::zeros(shape.len())),
        }
    }

    /// Numbers of any value, which are all to be written before they are read.
    pub(crate) fn unspecified(shape: Shape) -> Self {
        Self {
            shape,
            data: Arc::new(Buffer::unspecified(shape.len())),
        }
    }

    /// Lays out the images of a batch, which come one after the other, channel by channel.
    ///
    /// # Errors
    /// A batch that has not as many pixels as its shape says.
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

    /// Lays out images that come one after the other (N, C, H, W) channel by channel.
    ///
    /// # Errors
    /// Another number of pixels than the shape has.
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

    /// Its extents.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All numbers.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All numbers, to be written to. Copies them first if a clone shares them.
    pub fn data_mut(&mut self) -> &mut [f32] {
        Arc::<Buffer>::make_mut(&mut self.data)
    }

    /// The `shape().positions()` numbers of a channel.
    pub fn channel(&self, channel: usize) -> &[f32] {
        let positions = self.shape.positions();
        &self.data[channel * positions..][..positions]
    }

    /// Of logits (classes × images × 1 × 1): those of an image.
    pub fn column(&self, image: usize) -> impl Iterator<Item = f32> + Clone {
        let positions = self.shape.positions();
        (0..self.shape.channels).map(move |channel| self.data[channel * positions + image])
    }
}
