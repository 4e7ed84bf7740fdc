//! Windows at any stride, by rows of pixels.
//!
//! Pixels are first divided by their column modulo the stride s: part r of a row holds the pixels
//! of columns r, r + s, r + 2 s, .... Entry dx of the windows of a row is then one stretch of one
//! part: `j + (dx - padding) div s` of part `(dx - padding) mod s`. Each part has zeros before and
//! behind it, where windows reach beyond the image.

use std::ops::Range;

use scn_solvers::tile::{Kernel, Lanes};

use super::geometry::{Run, WindowGeometry};
use crate::shape::Shape;

/// A row of pixels, divided into parts.
struct Parts {
    numbers: Vec<f32>,
    stride: usize,
    /// Length of a part, including the zeros before and behind it.
    length: usize,
    /// Number of zeros before a part.
    before: usize,
}

impl Parts {
    fn new(geometry: &WindowGeometry) -> Self {
        let stride = geometry.stride;
        let (_, windows) = geometry.map();
        // No window reaches beyond these zeros.
        let before = geometry.padding.div_ceil(stride);
        let behind = geometry.window.div_ceil(stride);
        let length = before + windows.max(geometry.input.width.div_ceil(stride)) + behind;
        Self {
            numbers: vec![0.0; stride * length],
            stride,
            length,
            before,
        }
    }

    /// Returns part r, without the zeros before it.
    #[inline(always)]
    fn part(&mut self, r: usize) -> &mut [f32] {
        &mut self.numbers[r * self.length + self.before..(r + 1) * self.length]
    }

    /// Returns the range of entry dx of `length` windows, the first of which has column `first`.
    #[inline(always)]
    fn entry(
        &self,
        geometry: &WindowGeometry,
        dx: usize,
        first: usize,
        length: usize,
    ) -> Range<usize> {
        let ahead = dx as isize - geometry.padding as isize;
        let stride = self.stride as isize;
        let part = ahead.rem_euclid(stride) as usize * self.length + self.before + first;
        let start = part.wrapping_add_signed(ahead.div_euclid(stride));
        start..start + length
    }

    #[inline(always)]
    fn take(&mut self, row: &[f32]) {
        if self.stride == 2 {
            // The compiler turns pairs into register moves.
            let (pairs, rest) = row.as_chunks::<2>();
            let [even, odd] = [0, self.length].map(|part| part + self.before);
            for (j, pair) in pairs.iter().enumerate() {
                self.numbers[even + j] = pair[0];
                self.numbers[odd + j] = pair[1];
            }
            if let Some(&last) = rest.first() {
                self.numbers[even + pairs.len()] = last;
            }
            return;
        }
        for r in 0..self.stride {
            let pixels = row.iter().skip(r).step_by(self.stride);
            for (number, &pixel) in self.part(r).iter_mut().zip(pixels) {
                *number = pixel;
            }
        }
    }

    #[inline(always)]
    fn add_to(&mut self, row: &mut [f32]) {
        if self.stride == 2 {
            let (even, odd) = self.numbers.split_at(self.length);
            let parts = even[self.before..].iter().zip(&odd[self.before..]);
            let (pairs, rest) = row.as_chunks_mut::<2>();
            let behind = self.before + pairs.len();
            for (pair, (&even, &odd)) in pairs.iter_mut().zip(parts) {
                pair[0] += even;
                pair[1] += odd;
            }
            if let Some(last) = rest.first_mut() {
                *last += even[behind];
            }
            return;
        }
        for r in 0..self.stride {
            let stride = self.stride;
            let pixels = row.iter_mut().skip(r).step_by(stride);
            for (&mut number, pixel) in self.part(r).iter_mut().zip(pixels) {
                *pixel += number;
            }
        }
    }
}

/// Fills a tile with windows.
pub(super) struct Gather<'a> {
    pub(super) geometry: &'a WindowGeometry,
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
    fn run<L: Lanes<f32>>(self, _: L) {
        let Self {
            geometry,
            columns,
            pixels,
            out,
            stride,
        } = self;
        let Shape {
            images,
            height,
            width,
            ..
        } = geometry.input;
        let mut parts = Parts::new(geometry);
        geometry.runs(columns, |run| {
            if let Some(y) = run.y {
                let start = ((run.channel * images + run.image) * height + y) * width;
                parts.take(&pixels[start..start + width]);
            }
            for dx in 0..geometry.window {
                let out = &mut out[(run.entry + dx) * stride + run.offset..][..run.length];
                if run.y.is_none() {
                    out.fill(0.0);
                    continue;
                }
                let entry = parts.entry(geometry, dx, run.first, run.length);
                move_numbers(&parts.numbers[entry], out);
            }
        });
    }
}

/// Adds a tile to the pixels of its windows.
pub(super) struct Scatter<'a, 'p> {
    pub(super) geometry: &'a WindowGeometry,
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
    fn run<L: Lanes<f32>>(self, _: L) {
        let Self {
            geometry,
            columns,
            pixels,
            first_image,
            tile,
            stride,
        } = self;
        let Shape { height, width, .. } = geometry.input;
        let mut parts = Parts::new(geometry);
        geometry.runs(columns, |run: Run| {
            let Some(y) = run.y else { return };
            parts.numbers.fill(0.0);
            for dx in 0..geometry.window {
                let tile = &tile[(run.entry + dx) * stride + run.offset..][..run.length];
                let entry = parts.entry(geometry, dx, run.first, run.length);
                for (number, &value) in parts.numbers[entry].iter_mut().zip(tile) {
                    *number += value;
                }
            }
            let start = ((run.image - first_image) * height + y) * width;
            parts.add_to(&mut pixels[run.channel][start..start + width]);
        });
    }
}

/// Numbers copied at a time without a function call, which would cost more than the moves.
const PIECE: usize = 8;

#[inline(always)]
fn move_numbers(from: &[f32], to: &mut [f32]) {
    let ((from, from_rest), (to, to_rest)) =
        (from.as_chunks::<PIECE>(), to.as_chunks_mut::<PIECE>());
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to = *from;
    }
}
