//! Windows at stride 1, by stretches of an image.
//!
//! The map of windows is then as large as the image. Entry (dy, dx) of the windows at
//! `p..p + length`, in row-major order, is therefore the stretch of pixels from
//! `p + (dy - padding) width + dx - padding` on, in which pixels whose column is outside the image
//! are zero.

use std::ops::Range;

use faer::MatMut;
use scn_solvers::tile::{Kernel, Lanes};

use super::geometry::WindowGeometry;
use crate::shape::Shape;

/// Which pixels of a stretch are in the image: 1 or 0, for each dx and each column in which a
/// stretch may begin.
#[derive(Debug, Clone)]
pub(super) struct ColumnMasks {
    masks: Vec<f32>,
    width: usize,
    longest: usize,
}

impl ColumnMasks {
    /// Creates the masks of stretches of at most `longest` windows.
    pub(super) fn new(geometry: &WindowGeometry, longest: usize) -> Self {
        let width = geometry.input.width;
        let inside = |dx: usize, column: usize| {
            let pixel = (column + dx).checked_sub(geometry.padding);
            if pixel.is_some_and(|pixel| pixel < width) {
                1.0
            } else {
                0.0
            }
        };
        let masks = (0..geometry.window)
            .flat_map(|dx| (0..width + longest).map(move |k| inside(dx, k % width)));
        Self {
            masks: masks.collect(),
            width,
            longest,
        }
    }

    /// Returns the mask of one entry of the windows of a stretch.
    fn of(&self, stretch: &Stretch, entry: &Entry) -> &[f32] {
        let column = (stretch.first + entry.part.start) % self.width;
        &self.masks[entry.dx * (self.width + self.longest) + column..][..entry.part.len()]
    }
}

/// Consecutive windows of one image in row-major order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    image: usize,
    /// Position of the first window, row-major.
    first: usize,
    length: usize,
    /// Position of the first window in the tile.
    offset: usize,
}

impl Stretch {
    /// Divides consecutive columns into stretches.
    pub(super) fn all(
        geometry: &WindowGeometry,
        columns: Range<usize>,
    ) -> impl Iterator<Item = Self> {
        let positions = geometry.positions();
        let start = columns.start;
        let mut column = start;
        std::iter::from_fn(move || {
            if column >= columns.end {
                return None;
            }
            let (image, first) = (column / positions, column % positions);
            let stretch = Self {
                image,
                first,
                length: (positions - first).min(columns.end - column),
                offset: column - start,
            };
            column += stretch.length;
            Some(stretch)
        })
    }

    /// Returns the part of the stretch that lies over pixel rows of the image for `dy`.
    fn part(&self, geometry: &WindowGeometry, dy: usize) -> Range<usize> {
        let (height, width) = (geometry.input.height, geometry.input.width);
        // Windows of rows from `padding - dy` up to `height + padding - dy` lie over pixel rows.
        let begin = geometry.padding.saturating_sub(dy) * width;
        let end = (height + geometry.padding).saturating_sub(dy).min(height) * width;
        let clamp = |position: usize| position.clamp(self.first, self.first + self.length);
        clamp(begin) - self.first..clamp(end).max(clamp(begin)) - self.first
    }

    /// Returns the entries of the windows of the stretch. If all channels are visited for each
    /// entry, what one entry adds to a pixel is stored before the next entry adds to it.
    fn entries(self, geometry: &WindowGeometry) -> impl Iterator<Item = Entry> {
        let (side, width, padding) = (geometry.window, geometry.input.width, geometry.padding);
        (0..side * side).map(move |place| {
            let (dx, dy) = (place / side, place % side);
            let part = self.part(geometry, dy);
            let window = self.first + part.start;
            Entry {
                row: dy * side + dx,
                dx,
                pixel: (window + dy * width + dx) as isize - (padding * (width + 1)) as isize,
                part,
            }
        })
    }
}

/// One entry of the windows of a stretch, in the first channel.
struct Entry {
    /// The row `dy window + dx`.
    row: usize,
    dx: usize,
    /// The windows of the stretch whose pixel row is in the image.
    part: Range<usize>,
    /// Position in the image of the pixel of the first of these windows. It is outside the image by
    /// less than a row if its column is.
    pixel: isize,
}

/// Fills a tile with the windows of a stretch.
pub(super) struct Gather<'a> {
    pub(super) geometry: &'a WindowGeometry,
    pub(super) masks: &'a ColumnMasks,
    pub(super) stretch: Stretch,
    /// The map, channels × images × pixels.
    pub(super) pixels: &'a [f32],
    pub(super) out: &'a mut [f32],
    /// Length of a row of the tile.
    pub(super) stride: usize,
}

impl Kernel<f32> for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, lanes: L) {
        let Shape {
            channels, images, ..
        } = self.geometry.input;
        let Stretch { image, length, .. } = self.stretch;
        let plane = self.geometry.positions();
        for entry in self.stretch.entries(self.geometry) {
            let mask = self.masks.of(&self.stretch, &entry);
            for channel in 0..channels {
                let row = channel * self.geometry.window * self.geometry.window + entry.row;
                let out = &mut self.out[row * self.stride + self.stretch.offset..][..length];
                out[..entry.part.start].fill(0.0);
                out[entry.part.end..].fill(0.0);
                let out = &mut out[entry.part.clone()];
                let pixel = ((channel * images + image) * plane) as isize + entry.pixel;
                match place(self.pixels.len(), pixel, out.len()) {
                    Some(place) => copy(lanes, &self.pixels[place], mask, out),
                    None => {
                        out.fill(0.0);
                        kept(mask, pixel).for_each(|(k, pixel)| out[k] = self.pixels[pixel]);
                    }
                }
            }
        }
    }
}

/// Adds a tile to the pixels of the windows of a stretch.
pub(super) struct Scatter<'a, 'p> {
    pub(super) geometry: &'a WindowGeometry,
    pub(super) masks: &'a ColumnMasks,
    pub(super) stretch: Stretch,
    /// The gradient of the images from `first_image` on, channels × pixels.
    pub(super) pixels: &'a mut MatMut<'p, f32>,
    pub(super) first_image: usize,
    pub(super) tile: &'a [f32],
    /// Length of a row of the tile.
    pub(super) stride: usize,
}

impl Kernel<f32> for Scatter<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, lanes: L) {
        let plane = self.geometry.positions();
        let channels = self.geometry.input.channels;
        for entry in self.stretch.entries(self.geometry) {
            let mask = self.masks.of(&self.stretch, &entry);
            let pixel = ((self.stretch.image - self.first_image) * plane) as isize + entry.pixel;
            let from = self.stretch.offset + entry.part.start;
            for channel in 0..channels {
                let pixels = self.pixels.as_mut().row_mut(channel);
                let Some(pixels) = pixels.try_as_row_major_mut() else {
                    continue;
                };
                let pixels = pixels.as_slice_mut();
                let row = channel * self.geometry.window * self.geometry.window + entry.row;
                let numbers = &self.tile[row * self.stride + from..][..mask.len()];
                match place(pixels.len(), pixel, numbers.len()) {
                    Some(place) => add(lanes, numbers, mask, &mut pixels[place]),
                    None => {
                        kept(mask, pixel).for_each(|(k, pixel)| pixels[pixel] += numbers[k]);
                    }
                }
            }
        }
    }
}

/// Returns the `length` places from `first` on, if all of them are below `count`.
#[inline(always)]
fn place(count: usize, first: isize, length: usize) -> Option<Range<usize>> {
    let first = usize::try_from(first).ok()?;
    (first + length <= count).then(|| first..first + length)
}

/// Returns the places that the mask keeps, with their pixels, for stretches that [`place`] refuses.
fn kept(mask: &[f32], first: isize) -> impl Iterator<Item = (usize, usize)> {
    let pixels = (first..).map(usize::try_from).enumerate();
    let kept = mask.iter().zip(pixels).filter(|(mask, _)| **mask != 0.0);
    kept.filter_map(|(_, (k, pixel))| Some((k, pixel.ok()?)))
}

/// Sets `to = from` where the mask is not 0, and `to = 0` elsewhere.
#[inline(always)]
fn copy<L: Lanes<f32>>(lanes: L, from: &[f32], mask: &[f32], to: &mut [f32]) {
    let whole = to.len() / L::COUNT * L::COUNT;
    let registers = L::vectors(from).iter().zip(L::vectors(mask));
    for (to, (&from, &mask)) in L::vectors_mut(to).iter_mut().zip(registers) {
        *to = lanes.where_nonzero(mask, from);
    }
    let rest = from[whole..].iter().zip(&mask[whole..]);
    for (to, (&from, &mask)) in to[whole..].iter_mut().zip(rest) {
        *to = if mask == 0.0 { 0.0 } else { from };
    }
}

/// Adds `from` to `to` where the mask is not 0.
#[inline(always)]
fn add<L: Lanes<f32>>(lanes: L, from: &[f32], mask: &[f32], to: &mut [f32]) {
    let whole = to.len() / L::COUNT * L::COUNT;
    let registers = L::vectors(from).iter().zip(L::vectors(mask));
    for (to, (&from, &mask)) in L::vectors_mut(to).iter_mut().zip(registers) {
        *to = lanes.add(*to, lanes.where_nonzero(mask, from));
    }
    let rest = from[whole..].iter().zip(&mask[whole..]);
    for (to, (&from, &mask)) in to[whole..].iter_mut().zip(rest) {
        *to += if mask == 0.0 { 0.0 } else { from };
    }
}
