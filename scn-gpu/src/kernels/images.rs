//! Batches of images.

use crate::error::ArgumentError;
use crate::kernels::elements::thread_per_item;
use crate::kernels::loss::TARGET_SETTINGS;
use crate::launch::{DeviceKernel, Grid, kernels};
use crate::memory::view::{View, ViewMut};
use crate::sizes::{expect_len, size};

/// Integers per image in the table of picks.
pub(crate) const PICK_INTS: usize = 4;

kernels! {
    /// Normalised images of a set, flipped and shifted. All picks must be within the set: they are
    /// known only to the device, which does not check them.
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

    /// Images mixed with their partners.
    MixImages = "mix_images" in Images {
        partners: View<'a, f32>,
        settings: View<'a, f32>,
        count: i32,
        x: ViewMut<'a, f32>,
    }
}

impl DeviceKernel for MixImages<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let count = size(self.count);
        expect_len("the partners", count, self.partners.len())?;
        expect_len("the batch", count, self.x.len())?;
        assert_eq!(self.settings.len(), TARGET_SETTINGS, "the settings");
        thread_per_item(count)
    }
}

impl DeviceKernel for MakeBatch<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let images = size(self.images);
        let volume = size(self.channels) * size(self.height) * size(self.width);
        // Whole images. Their number has already been compared with the picks.
        let whole = self.pixels.len() / volume.max(1) * volume;
        expect_len("the pixels", whole, self.pixels.len())?;
        expect_len("the picks", PICK_INTS * images, self.picks.len())?;
        expect_len("the mean image", volume, self.mean.len())?;
        expect_len("the batch", volume * images, self.x.len())?;
        thread_per_item(volume * images)
    }
}
