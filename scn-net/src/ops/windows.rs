//! The k × k windows of a feature map as columns of signals, and the transpose, which adds to the
//! map.
//!
//! Column p = (image, i, j) holds a window, with zeros outside the map. Its entry
//! `(channel k + dy) k + dx` is the pixel in row `i s + dy - padding`, column `j s + dx - padding`
//! for stride s. This is the order of PyTorch's `unfold`. The matrix of windows is never formed;
//! both directions copy runs of pixels.

mod flat;
mod geometry;
mod strided;

use std::ops::Range;

use faer::MatRef;
use scn_grad::SignalGradient;
use scn_solvers::ColumnSource;
use scn_solvers::tile::{Real, expect_columns};

use self::flat::Masks;
pub(crate) use self::geometry::WindowGeometry;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The windows of a feature map.
#[derive(Debug, Clone)]
pub(crate) struct MapWindows<'a> {
    geometry: WindowGeometry,
    /// None unless the stride is 1.
    masks: Option<Masks>,
    pixels: &'a [f32],
}

impl<'a> MapWindows<'a> {
    pub(crate) fn new(map: &'a Tensor, window: usize, stride: usize) -> Self {
        let geometry = WindowGeometry::new(map.shape(), window, stride);
        Self {
            geometry,
            masks: (geometry.stride == 1).then(|| Masks::new(&geometry, f32::tile())),
            pixels: map.data(),
        }
    }

    /// Returns the destination of gradients of these windows: the gradient of all images, channels
    /// × images × pixels.
    pub(crate) fn gradient<'g>(&self, pixels: &'g mut [f32]) -> WindowsGradient<'g> {
        let of_channel = self.geometry.input.positions().max(1);
        WindowsGradient {
            geometry: self.geometry,
            masks: self.masks.clone(),
            pixels: pixels.chunks_exact_mut(of_channel).collect(),
            first_image: 0,
        }
    }

    pub(crate) fn geometry(&self) -> WindowGeometry {
        self.geometry
    }

    /// Prefetches the pixels of the next tile that are not in this one, because channels are far
    /// apart in memory. Only at stride 1.
    fn expect_pixels(&self, next: usize) {
        let Shape {
            channels, width, ..
        } = self.geometry.input;
        let positions = self.geometry.input.positions();
        let map = MatRef::from_row_major_slice(self.pixels, channels, positions);
        let first = next + self.geometry.padding * width;
        expect_columns(map, first..first + f32::tile());
    }
}

impl ColumnSource<f32> for MapWindows<'_> {
    fn rows(&self) -> usize {
        self.geometry.rows()
    }

    fn columns(&self) -> usize {
        self.geometry.input.images * self.geometry.positions()
    }

    fn pack(&self, columns: Range<usize>, out: &mut [f32], stride: usize) {
        if let Some(masks) = &self.masks
            && columns.len() <= f32::tile()
        {
            let next = columns.end;
            f32::dispatch(flat::Gather {
                geometry: &self.geometry,
                masks,
                columns,
                pixels: self.pixels,
                out,
                stride,
            });
            self.expect_pixels(next);
            return;
        }
        f32::dispatch(strided::Gather {
            geometry: &self.geometry,
            columns,
            pixels: self.pixels,
            out,
            stride,
        });
    }
}

/// Adds the gradients of windows to the gradient of some images of a feature map: the transpose of
/// [`MapWindows`].
pub(crate) struct WindowsGradient<'a> {
    geometry: WindowGeometry,
    /// None unless the stride is 1.
    masks: Option<Masks>,
    /// The channels of the gradient of the images from `first_image` on.
    pixels: Vec<&'a mut [f32]>,
    first_image: usize,
}

impl SignalGradient<f32> for WindowsGradient<'_> {
    fn begin(&mut self) {
        for channel in &mut self.pixels {
            channel.fill(0.0);
        }
    }

    /// Splits at the first window of an image.
    fn split_at(self, column: usize) -> (Self, Self) {
        let image = column / self.geometry.positions();
        let per_image = self.geometry.input.height * self.geometry.input.width;
        let pixels = (image - self.first_image) * per_image;
        let halves = self.pixels.into_iter();
        let (left, right) = halves.map(|channel| channel.split_at_mut(pixels)).unzip();
        let right = Self {
            geometry: self.geometry,
            masks: self.masks.clone(),
            pixels: right,
            first_image: image,
        };
        let left = Self {
            pixels: left,
            ..self
        };
        (left, right)
    }

    fn add(&mut self, columns: Range<usize>, gradient: &[f32], stride: usize) {
        if let Some(masks) = &self.masks
            && columns.len() <= f32::tile()
        {
            f32::dispatch(flat::Scatter {
                geometry: &self.geometry,
                masks,
                columns,
                pixels: &mut self.pixels,
                first_image: self.first_image,
                tile: gradient,
                stride,
            });
            return;
        }
        f32::dispatch(strided::Scatter {
            geometry: &self.geometry,
            columns,
            pixels: &mut self.pixels,
            first_image: self.first_image,
            tile: gradient,
            stride,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns where the pixel of an entry of a window is in memory, by definition. None if it is
    /// outside the image.
    fn pixel(
        shape: Shape,
        window: usize,
        stride: usize,
        entry: usize,
        column: usize,
    ) -> Option<usize> {
        let (rows, columns) = WindowGeometry::new(shape, window, stride).map();
        let (image, i, j) = (
            column / (rows * columns),
            column / columns % rows,
            column % columns,
        );
        let (channel, dy, dx) = (
            entry / (window * window),
            entry / window % window,
            entry % window,
        );
        let y = (i * stride + dy) as isize - (window / 2) as isize;
        let x = (j * stride + dx) as isize - (window / 2) as isize;
        let inside = y >= 0 && x >= 0 && y < shape.height as isize && x < shape.width as isize;
        let row = (channel * shape.images + image) * shape.height;
        inside.then(|| (row + y as usize) * shape.width + x as usize)
    }

    fn counting(shape: Shape) -> Tensor {
        let count = shape.channels * shape.positions();
        Tensor::new(shape, (0..count).map(|value| value as f32 + 1.0).collect()).unwrap()
    }

    proptest! {
        #[test]
        fn windows_are_those_of_the_definition(
            channels in 1usize..4, images in 1usize..4, height in 1usize..9, width in 1usize..9,
            half in 0usize..3, stride in 1usize..4, length in 1usize..100, room in 0usize..3,
        ) {
            let window = 2 * half + 1;
            let shape = Shape { channels, images, height, width };
            let map = counting(shape);
            let windows = MapWindows::new(&map, window, stride);
            for first in (0..windows.columns()).step_by(length) {
                let columns = first..(first + length).min(windows.columns());
                let width = columns.len() + room;
                let mut out = vec![-7.0; windows.rows() * width];
                windows.pack(columns.clone(), &mut out, width);
                for entry in 0..windows.rows() {
                    let (found, beyond) = out[entry * width..][..width].split_at(columns.len());
                    for (&value, column) in found.iter().zip(columns.clone()) {
                        let pixel = pixel(shape, window, stride, entry, column);
                        prop_assert_eq!(value, pixel.map_or(0.0, |pixel| map.data()[pixel]));
                    }
                    prop_assert!(beyond.iter().all(|&value| value == -7.0));
                }
            }
        }

        /// Sums are exact, because all numbers are small integers.
        #[test]
        fn the_gradient_is_the_transpose(
            channels in 1usize..7, images in 1usize..4, height in 1usize..9, width in 1usize..9,
            half in 0usize..3, stride in 1usize..4, length in 1usize..100,
        ) {
            let window = 2 * half + 1;
            let shape = Shape { channels, images, height, width };
            let map = Tensor::zeros(shape);
            let windows = MapWindows::new(&map, window, stride);
            let (mut found, mut expected) = (vec![0.0; shape.len()], vec![0.0; shape.len()]);
            let mut gradient = windows.gradient(&mut found);
            for first in (0..windows.columns()).step_by(length) {
                let columns = first..(first + length).min(windows.columns());
                let mut tile = Vec::new();
                for entry in 0..windows.rows() {
                    for column in columns.clone() {
                        let value = ((entry * 7 + column * 5) % 11) as f32 - 5.0;
                        tile.push(value);
                        if let Some(pixel) = pixel(shape, window, stride, entry, column) {
                            expected[pixel] += value;
                        }
                    }
                }
                gradient.add(columns.clone(), &tile, columns.len());
            }
            prop_assert_eq!(found, expected);
        }
    }
}
