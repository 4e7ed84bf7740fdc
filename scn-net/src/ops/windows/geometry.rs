//! The positions of windows on a feature map.

use std::ops::Range;

use crate::shape::Shape;

/// The positions of windows on a feature map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowGeometry {
    pub(super) input: Shape,
    pub(super) window: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
}

impl WindowGeometry {
    /// Places windows of odd side length, padded so that stride 1 keeps the size of the map.
    pub(crate) fn new(input: Shape, window: usize, stride: usize) -> Self {
        Self {
            input,
            window,
            stride,
            padding: window / 2,
        }
    }

    /// Returns the number of entries of a window, m = channels k².
    pub(crate) fn rows(&self) -> usize {
        self.input.channels * self.window * self.window
    }

    /// Returns the numbers of rows and columns of the map of windows.
    pub(crate) fn map(&self) -> (usize, usize) {
        let side = |length: usize| (length + 2 * self.padding - self.window) / self.stride + 1;
        (side(self.input.height), side(self.input.width))
    }

    /// Returns the number of windows per image.
    pub(crate) fn positions(&self) -> usize {
        let (height, width) = self.map();
        height * width
    }

    /// Calls `visit` for every run of columns in one row of an image, and every row of pixels that
    /// it reads. A run has the entry of its first pixel (dx = 0), the channel, the image, the pixel
    /// row (None outside the map), the first column and the number of columns in the map, and the
    /// offset among `columns`.
    #[inline(always)]
    pub(super) fn runs(&self, columns: Range<usize>, mut visit: impl FnMut(Run)) {
        let (height, width) = self.map();
        let mut column = columns.start;
        while column < columns.end {
            let (image, i, first) = (
                column / (height * width),
                column / width % height,
                column % width,
            );
            let length = (width - first).min(columns.end - column);
            for channel in 0..self.input.channels {
                for dy in 0..self.window {
                    let y = (i * self.stride + dy)
                        .checked_sub(self.padding)
                        .filter(|&y| y < self.input.height);
                    let entry = (channel * self.window + dy) * self.window;
                    visit(Run {
                        entry,
                        channel,
                        image,
                        y,
                        first,
                        length,
                        offset: column - columns.start,
                    });
                }
            }
            column += length;
        }
    }
}

/// Adjacent columns over one row of pixels.
pub(super) struct Run {
    pub(super) entry: usize,
    pub(super) channel: usize,
    pub(super) image: usize,
    pub(super) y: Option<usize>,
    pub(super) first: usize,
    pub(super) length: usize,
    pub(super) offset: usize,
}
