//! Pixels: bytes, as in image files, or floating point numbers, as made by programs.

use std::ops::Range;

use crate::mapped::Mapped;

/// The pixels of a set of images, or of one of them, in the order (N,) C, H, W.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum PixelSlice<'a> {
    /// Bytes, from 0 to the brightest value of the set.
    Bytes(&'a [u8]),
    /// Finite numbers.
    Floats(&'a [f32]),
}

impl<'a> PixelSlice<'a> {
    /// Returns the number of pixels, over all channels.
    pub fn len(self) -> usize {
        match self {
            Self::Bytes(pixels) => pixels.len(),
            Self::Floats(pixels) => pixels.len(),
        }
    }

    /// Whether there are no pixels.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes, or `None` for floating point numbers.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(pixels) => Some(pixels),
            Self::Floats(_) => None,
        }
    }

    /// Iterates over the values of either kind as `f32`.
    pub fn values(self) -> impl Iterator<Item = f32> + 'a {
        let (bytes, floats): (&[u8], &[f32]) = match self {
            Self::Bytes(pixels) => (pixels, &[]),
            Self::Floats(pixels) => (&[], pixels),
        };
        let bytes = bytes.iter().map(|&pixel| f32::from(pixel));
        bytes.chain(floats.iter().copied())
    }

    /// Returns the pixels in a range of indices.
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        match self {
            Self::Bytes(pixels) => Self::Bytes(&pixels[range]),
            Self::Floats(pixels) => Self::Floats(&pixels[range]),
        }
    }

    /// Iterates over the images of `volume` pixels each.
    pub(crate) fn images(self, volume: usize) -> impl Iterator<Item = Self> {
        let count = self.len() / volume;
        (0..count).map(move |image| self.part(image * volume..(image + 1) * volume))
    }
}

impl<'a> From<&'a [u8]> for PixelSlice<'a> {
    fn from(pixels: &'a [u8]) -> Self {
        Self::Bytes(pixels)
    }
}

impl<'a> From<&'a [f32]> for PixelSlice<'a> {
    fn from(pixels: &'a [f32]) -> Self {
        Self::Floats(pixels)
    }
}

/// The storage of the pixels of a set. Sets with equal pixels are equal, whatever their storage.
#[derive(Debug, Clone)]
pub(crate) enum Pixels {
    /// Bytes in memory.
    Owned(Vec<u8>),
    /// Bytes mapped from a file.
    Mapped(Mapped),
    /// Floating point numbers in memory.
    Floats(Vec<f32>),
}

impl Pixels {
    pub(crate) fn as_slice(&self) -> PixelSlice<'_> {
        match self {
            Self::Owned(pixels) => PixelSlice::Bytes(pixels),
            Self::Mapped(pixels) => PixelSlice::Bytes(pixels),
            Self::Floats(pixels) => PixelSlice::Floats(pixels),
        }
    }

    /// Returns the first `length` pixels, or all if there are fewer. Mapped pixels stay in their
    /// file.
    pub(crate) fn first(&self, length: usize) -> Self {
        let length = length.min(self.as_slice().len());
        match self {
            Self::Owned(pixels) => Self::Owned(pixels[..length].to_vec()),
            Self::Mapped(pixels) => Self::Mapped(pixels.first(length)),
            Self::Floats(pixels) => Self::Floats(pixels[..length].to_vec()),
        }
    }

    /// Returns the pixels of the images at `indices`, which have `volume` pixels each.
    pub(crate) fn select(&self, volume: usize, indices: &[usize]) -> Self {
        fn gather<P: Copy>(pixels: &[P], volume: usize, indices: &[usize]) -> Vec<P> {
            let mut gathered = Vec::with_capacity(indices.len() * volume);
            for &index in indices {
                gathered.extend_from_slice(&pixels[index * volume..][..volume]);
            }
            gathered
        }
        match self.as_slice() {
            PixelSlice::Bytes(pixels) => Self::Owned(gather(pixels, volume, indices)),
            PixelSlice::Floats(pixels) => Self::Floats(gather(pixels, volume, indices)),
        }
    }
}

impl PartialEq for Pixels {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}
