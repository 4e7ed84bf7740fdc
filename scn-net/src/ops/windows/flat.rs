//! Windows at stride 1, by stretches of consecutive pixels.
//!
//! The map of windows is then as large as the image. Entry (dy, dx) of the windows at `p..p + n`,
//! counted over all images in row-major order, is therefore the stretch of n pixels from
//! `p + (dy - padding) width + dx - padding` on, in which pixels are zero where the entry is
//! outside the image of its window.

use std::ops::Range;
use std::sync::Arc;

use scn_solvers::tile::{Kernel, Lanes};

use super::geometry::WindowGeometry;
use crate::shape::Shape;

/// Which entries of windows are inside the image: 1 or 0 for each entry of a channel and each
/// window of an image.
#[derive(Debug, Clone)]
pub(super) struct Masks {
    /// The masks of one entry, then those of the next. They go on beyond the image with those of
    /// the next image, so that consecutive windows have consecutive masks.
    masks: Arc<[f32]>,
    /// Distance between the masks of two entries.
    of_entry: usize,
    /// Number of windows of an image.
    positions: usize,
}

impl Masks {
    /// Creates the masks of at most `longest` consecutive windows.
    pub(super) fn new(geometry: &WindowGeometry, longest: usize) -> Self {
        let (height, width) = (geometry.input.height, geometry.input.width);
        let positions = height * width;
        let padding = geometry.padding;
        let inside = move |place: usize, d: usize, length: usize| {
            (padding..length + padding).contains(&(place + d))
        };
        let of_entry = positions + longest;
        let masks = (0..geometry.window * geometry.window).flat_map(|entry| {
            let (dy, dx) = (entry / geometry.window, entry % geometry.window);
            let rows = (0..height).map(move |i| inside(i, dy, height));
            let of_image = rows.flat_map(move |row| {
                (0..width).map(move |j| f32::from(row && inside(j, dx, width)))
            });
            of_image.cycle().take(of_entry)
        });
        Self {
            masks: masks.collect(),
            of_entry,
            positions,
        }
    }

    /// Returns the masks of these windows.
    #[inline(always)]
    fn of(&self, columns: &Range<usize>) -> TileMasks<'_> {
        TileMasks {
            masks: &self.masks[columns.start % self.positions..],
            of_entry: self.of_entry,
            windows: columns.len(),
        }
    }
}

/// The masks of a tile.
#[derive(Clone, Copy)]
struct TileMasks<'a> {
    /// The masks of all entries, from the first window of the tile on.
    masks: &'a [f32],
    /// Distance between the masks of two entries.
    of_entry: usize,
    windows: usize,
}

impl<'a> TileMasks<'a> {
    #[inline(always)]
    fn entry(self, entry: &Entry) -> &'a [f32] {
        &self.masks[entry.row * self.of_entry..][..self.windows]
    }
}

/// An entry of windows in the first channel.
struct Entry {
    /// The row `dy window + dx`.
    row: usize,
    /// The position of the pixel minus that of the window.
    ahead: isize,
}

impl Entry {
    /// Returns all entries.
    fn all(geometry: &WindowGeometry) -> impl Iterator<Item = Self> {
        let (side, width, padding) = (geometry.window, geometry.input.width, geometry.padding);
        (0..side * side).map(move |place| {
            let (dx, dy) = (place / side, place % side);
            Self {
                row: dy * side + dx,
                ahead: (dy * width + dx) as isize - (padding * (width + 1)) as isize,
            }
        })
    }
}

/// Channels visited for one entry before the next: so few that their pixels remain in the cache for
/// all entries, but so many that what one entry adds to a pixel is stored before the next entry
/// reads it.
const CHANNELS: usize = 4;

/// Fills a tile with windows.
pub(super) struct Gather<'a> {
    pub(super) geometry: &'a WindowGeometry,
    pub(super) masks: &'a Masks,
    pub(super) columns: Range<usize>,
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
        let Shape { channels, .. } = self.geometry.input;
        let entries = self.geometry.window * self.geometry.window;
        let of_channel = self.geometry.input.positions();
        let masks = self.masks.of(&self.columns);
        for first in (0..channels).step_by(CHANNELS) {
            for entry in Entry::all(self.geometry) {
                let mask = masks.entry(&entry);
                for channel in first..channels.min(first + CHANNELS) {
                    let row = channel * entries + entry.row;
                    let out = &mut self.out[row * self.stride..][..mask.len()];
                    let pixel = (channel * of_channel + self.columns.start) as isize + entry.ahead;
                    match place(self.pixels.len(), pixel, mask.len()) {
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
}

/// Adds a tile to the pixels of its windows.
pub(super) struct Scatter<'a, 'p> {
    pub(super) geometry: &'a WindowGeometry,
    pub(super) masks: &'a Masks,
    pub(super) columns: Range<usize>,
    /// The channels of the gradient of the images from `first_image` on.
    pub(super) pixels: &'a mut [&'p mut [f32]],
    pub(super) first_image: usize,
    pub(super) tile: &'a [f32],
    /// Length of a row of the tile.
    pub(super) stride: usize,
}

impl Kernel<f32> for Scatter<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, lanes: L) {
        let entries = self.geometry.window * self.geometry.window;
        let first = self.columns.start - self.first_image * self.geometry.positions();
        let masks = self.masks.of(&self.columns);
        for (block, channels) in self.pixels.chunks_mut(CHANNELS).enumerate() {
            for entry in Entry::all(self.geometry) {
                let mask = masks.entry(&entry);
                let pixel = first as isize + entry.ahead;
                for (channel, pixels) in channels.iter_mut().enumerate() {
                    let row = (block * CHANNELS + channel) * entries + entry.row;
                    let numbers = &self.tile[row * self.stride..][..mask.len()];
                    match place(pixels.len(), pixel, mask.len()) {
                        Some(place) => add(lanes, numbers, mask, &mut pixels[place]),
                        None => {
                            kept(mask, pixel).for_each(|(k, pixel)| pixels[pixel] += numbers[k]);
                        }
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
    combine(lanes, from, mask, to, |_, from| from, |_, from| from);
}

/// Adds `from` to `to` where the mask is not 0.
#[inline(always)]
fn add<L: Lanes<f32>>(lanes: L, from: &[f32], mask: &[f32], to: &mut [f32]) {
    let registers = |to, from| lanes.add(to, from);
    combine(lanes, from, mask, to, registers, |to, from| to + from);
}

/// Sets `to = compute(to, from)`, with 0 in place of `from` where the mask is 0: in registers if
/// they are those of a full tile, and one number at a time otherwise.
#[inline(always)]
fn combine<L: Lanes<f32>>(
    lanes: L,
    from: &[f32],
    mask: &[f32],
    to: &mut [f32],
    registers: impl Fn(L::Vector, L::Vector) -> L::Vector + Copy,
    numbers: impl Fn(f32, f32) -> f32,
) {
    let masked = |to, mask, from| registers(to, lanes.where_nonzero(mask, from));
    if in_registers::<L, 3>(from, mask, to, masked) || in_registers::<L, 2>(from, mask, to, masked)
    {
        return;
    }
    for (to, (&from, &mask)) in to.iter_mut().zip(from.iter().zip(mask)) {
        *to = numbers(*to, if mask == 0.0 { 0.0 } else { from });
    }
}

/// Sets `to = compute(to, mask, from)` if these are N registers, as for a full tile.
#[inline(always)]
fn in_registers<L: Lanes<f32>, const N: usize>(
    from: &[f32],
    mask: &[f32],
    to: &mut [f32],
    compute: impl Fn(L::Vector, L::Vector, L::Vector) -> L::Vector,
) -> bool {
    if to.len() != N * L::COUNT {
        return false;
    }
    let (from, mask) = (
        L::vectors(from).first_chunk::<N>(),
        L::vectors(mask).first_chunk::<N>(),
    );
    let (Some(from), Some(mask), Some(to)) =
        (from, mask, L::vectors_mut(to).first_chunk_mut::<N>())
    else {
        return false;
    };
    let computed = std::array::from_fn(|k| compute(to[k], mask[k], from[k]));
    *to = computed;
    true
}
