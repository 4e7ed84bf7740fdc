//! Windows at stride 1, whole stretches of an image at a time.
//!
//! The map of windows is then as large as the image, so that entry (dy, dx) of the windows at
//! `p..p + length`, in row-major order, is what stands at `p + (dy - padding) width + dx - padding`:
//! one stretch of pixels, in which those are zero whose column is not in the image.

use std::ops::Range;

use faer::MatMut;
use scn_solvers::tile::{Kernel, Lanes};

use super::geometry::WindowGeometry;
use crate::shape::Shape;

/// Which pixels of a stretch are in the image: 1 or 0, for each dx and each column from which a
/// stretch may begin.
#[derive(Debug, Clone)]
pub(super) struct ColumnMasks {
    masks: Vec<f32>,
    width: usize,
    longest: usize,
}

impl ColumnMasks {
    /// For stretches of at most `longest` windows.
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

    /// For one entry of the windows of a stretch.
    fn of(&self, stretch: &Stretch, entry: &Entry) -> &[f32] {
        let column = (stretch.first + entry.part.start) % self.width;
        &self.masks[entry.dx * (self.width + self.longest) + column..][..entry.part.len()]
    }
}

/// Windows of one image, next to each other in row-major order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    image: usize,
    /// Row-major.
    first: usize,
    length: usize,
    /// Where it begins in the tile.
    offset: usize,
}

impl Stretch {
    /// Those of consecutive columns.
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

    /// The part of it that lies over pixel rows of the image for `dy`.
    fn part(&self, geometry: &WindowGeometry, dy: usize) -> Range<usize> {
        let (height, width) = (geometry.input.height, geometry.input.width);
        // Windows of rows `padding - dy ..` and `.. height + padding - dy` are over pixel rows.
        let begin = geometry.padding.saturating_sub(dy) * width;
        let end = (height + geometry.padding).saturating_sub(dy).min(height) * width;
        let clamp = |position: usize| position.clamp(self.first, self.first + self.length);
        clamp(begin) - self.first..clamp(end).max(clamp(begin)) - self.first
    }

    /// What is added to a pixel for one entry is stored before the next adds to it, if all channels
    /// have their turn in between.
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
    /// `dy window + dx`
    row: usize,
    dx: usize,
    /// Those windows of the stretch for which its pixel row is in the image.
    part: Range<usize>,
    /// Where the pixel of the first of these stands in the image: outside by less than a row where
    /// its column is.
    pixel: isize,
}

/// Fills a tile with the windows of a stretch.
pub(super) struct Gather<'a> {
    pub(super) geometry: &'a WindowGeometry,
    pub(super) masks: &'a ColumnMasks,
    pub(super) stretch: Stretch,
    /// Channels × images × pixels.
    pub(super) pixels: &'a [f32],
    pub(super) out: &'a mut [f32],
    /// Numbers of a row of the tile.
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

/// Adds a tile to the pixels that the windows of a stretch are made of.
pub(super) struct Scatter<'a, 'p> {
    pub(super) geometry: &'a WindowGeometry,
    pub(super) masks: &'a ColumnMasks,
    pub(super) stretch: Stretch,
    /// Channels × pixels of the images from `first_image` on.
    pub(super) pixels: &'a mut MatMut<'p, f32>,
    pub(super) first_image: usize,
    pub(super) tile: &'a [f32],
    /// Numbers of a row of the tile.
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

/// The places from `first` on, if all are among so many.
#[inline(always)]
fn place(count: usize, first: isize, length: usize) -> Option<Range<usize>> {
    let first = usize::try_from(first).ok()?;
    (first + length <= count).then(|| first..first + length)
}

/// Where there are not: one by one, those that the mask keeps, with their pixels.
fn kept(mask: &[f32], first: isize) -> impl Iterator<Item = (usize, usize)> {
    let pixels = (first..).map(usize::try_from).enumerate();
    let kept = mask.iter().zip(pixels).filter(|(mask, _)| **mask != 0.0);
    kept.filter_map(|(_, (k, pixel))| Some((k, pixel.ok()?)))
}

/// `to = from` where the mask is not 0, and 0 elsewhere.
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

/// `to += from` where the mask is not 0.
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
