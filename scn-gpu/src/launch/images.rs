//! Batches of images.

use crate::ArgumentError;
use crate::buffer::{View, ViewMut, expect_len};
use crate::images::PICK_INTS;
use crate::launch::{Grid, Kernel, kernels};
use crate::windows::size;

/// Threads of a block.
pub(super) const THREADS: u32 = 256;

kernels! {
    /// Normalised images of a set, flipped and moved. No pick may be beyond the set: the device alone knows them, and does not check.
    MakeBatch = "make_batch" in Images {
        pixels: View<'a, u8>,
        picks: View<'a, i32>,
        mean: View<'a, f32>,
        scale: f32,
        channels: i32,
        images: i32,
        height: i32,
        width: i32,
        x: ViewMut<'a, f32>,
    }
}

impl Kernel for MakeBatch<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let images = size(self.images);
        let volume = size(self.channels) * size(self.height) * size(self.width);
        // Whole images; how many, the picks have been compared with.
        let whole = self.pixels.len() / volume.max(1) * volume;
        expect_len("the pixels", whole, self.pixels.len())?;
        expect_len("the picks", PICK_INTS * images, self.picks.len())?;
        expect_len("the mean image", volume, self.mean.len())?;
        expect_len("the batch", volume * images, self.x.len())?;
        // One thread per number.
        Grid::covering(volume * images, THREADS as usize, THREADS)
    }
}
