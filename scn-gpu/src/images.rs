//! Images stored on a device as bytes, and batches assembled from them there:
//!
//! ```text
//! x[c, n, i, j] = (p[image(n), c, i', j'] - mean[c, i', j']) * scale,
//! i' = i - down(n),    j' = j - right(n), or W - 1 - (j - right(n)) if flipped
//! ```
//!
//! and 0 where (i', j') is outside the image. The device uses the same f32 operations as
//! `scn-data`, in the same order, so the batch is bit-identical to one assembled on the CPU.

use crate::context::Context;
use crate::error::{ArgumentError, GpuError};
use crate::kernels::images::{MakeBatch, MixImages, PICK_INTS};
use crate::labels::{LabelsView, expect_labels};
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::memory::staged::StagedBuffer;
use crate::sizes::{expect_len, expect_within, int};
use crate::targets::TargetSettings;
use crate::windows::MapShape;

/// A set of images on a device, one byte per value, with the normalisation of its batches.
#[derive(Debug)]
pub struct Images {
    /// In the order N, C, H, W.
    pixels: Buffer<u8>,
    /// In the order C, H, W.
    mean: Buffer<f32>,
    scale: f32,
    shape: MapShape,
}

/// An image of a batch: its index in the set, whether it is flipped, and by how much it is then
/// shifted. The default is the first image, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Pick {
    /// Index in the set, counted from 0.
    pub image: usize,
    /// Whether the image is flipped left to right, before it is shifted.
    pub flip: bool,
    /// Downward shift in pixels, less than the height in magnitude.
    pub down: isize,
    /// Rightward shift in pixels, less than the width in magnitude.
    pub right: isize,
}

impl Pick {
    /// Picks image `image` of a set, counted from 0, unchanged.
    pub fn new(image: usize) -> Self {
        Self {
            image,
            ..Self::default()
        }
    }

    /// Flips the image left to right if `flip`, before it is shifted.
    #[must_use]
    pub fn flipped(self, flip: bool) -> Self {
        Self { flip, ..self }
    }

    /// Shifts the image by these numbers of pixels down and to the right, or up and to the left if
    /// they are negative.
    #[must_use]
    pub fn moved(self, down: isize, right: isize) -> Self {
        Self {
            down,
            right,
            ..self
        }
    }
}

/// The picks and labels of a batch, at a fixed address on a device.
///
/// Kernels use picks and labels as indices, and a graph reads the current ones when it runs. So all
/// entries are valid for the sets and the number of classes of the table, including those beyond a
/// small batch. Until the table is [set](Self::set), every entry is the first image of the set,
/// with label 0.
#[derive(Debug)]
pub struct Picks {
    /// The picks, [`PICK_INTS`] for each of `capacity` images, followed by as many labels: in one
    /// buffer, so that one copy transfers all.
    table: StagedBuffer<i32>,
    capacity: usize,
    /// Number of images in the current batch.
    len: usize,
    /// Shape of the sets whose images may be picked.
    shape: MapShape,
    classes: usize,
}

impl Images {
    /// Uploads a set of images: `pixels` in the order N, C, H, W, with the extents of `shape`, and
    /// `mean` in the order C, H, W.
    ///
    /// The set may be larger than 2^31 bytes, if the device has the memory.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Length`] if the length of `pixels` or `mean` does not match
    /// `shape`, [`ArgumentError::NoImages`] if the set is empty, [`ArgumentError::TooLarge`] if the
    /// device code cannot count the extents, and [`GpuError::OutOfMemory`] if device memory is
    /// exhausted.
    pub fn upload(
        context: &Context,
        shape: MapShape,
        pixels: &[u8],
        mean: &[f32],
        scale: f32,
    ) -> Result<Self, GpuError> {
        let volume = volume(shape)?;
        let expected = volume.saturating_mul(shape.images);
        expect_len("the pixels of a set of images", expected, pixels.len())?;
        expect_len("the mean image", volume, mean.len())?;
        if pixels.is_empty() {
            return Err(ArgumentError::NoImages.into());
        }
        Ok(Self {
            pixels: context.upload(pixels)?,
            mean: context.upload(mean)?,
            scale,
            shape,
        })
    }

    /// Number and extents of the images. Unlike a feature map, the bytes are stored image by image.
    pub fn shape(&self) -> MapShape {
        self.shape
    }

    /// The context that the set belongs to.
    pub fn context(&self) -> &Context {
        self.pixels.context()
    }

    /// Writes the first `images` of the picked images to `out`, channel by channel: entry (c,
    /// image, y, x) is at `((c images + image) H + y) W + x`.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Range`] if fewer images are picked, [`ArgumentError::OtherSet`] if
    /// the picks were made for sets of a different size or shape, [`ArgumentError::Length`] if
    /// `out` does not have C × `images` × H × W entries, [`ArgumentError::TooLarge`] if these are
    /// more than 2^30, and [`ArgumentError::OtherContext`] if the contexts differ.
    pub fn batch(
        &self,
        picks: &Picks,
        images: usize,
        out: &mut Buffer<f32>,
    ) -> Result<(), GpuError> {
        if picks.shape != self.shape {
            return Err(ArgumentError::OtherSet.into());
        }
        expect_within(&(0..images), picks.len)?;
        let MapShape {
            channels,
            height,
            width,
            ..
        } = self.shape;
        int("the numbers of a batch", self.mean.len() * images)?;
        let make = MakeBatch {
            pixels: self.pixels.view(),
            picks: picks.table.view().range(0..PICK_INTS * images)?,
            mean: self.mean.view(),
            scale: self.scale,
            channels: int("the number of channels", channels)?,
            images: int("the number of images", images)?,
            height: int("the height of an image", height)?,
            width: int("the width of an image", width)?,
            x: out.view_mut(),
        };
        launch(self.context(), &make)
    }
}

/// Mixes partners into the images of a batch, entry by entry,
///
/// ```text
/// x <- x + share (partner - x),
/// ```
///
/// bit-identically to `scn-data`: the difference is rounded, and then the sum, but not the product.
///
/// # Errors
/// Returns [`ArgumentError::Length`] if the buffers differ in length, and
/// [`ArgumentError::OtherContext`] if the contexts differ.
pub fn mix_images(
    settings: &TargetSettings,
    partners: &Buffer<f32>,
    x: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let mix = MixImages {
        partners: partners.view(),
        settings: settings.view(),
        count: int("the numbers of a batch", partners.len())?,
        x: x.view_mut(),
    };
    launch(partners.context(), &mix)
}

impl Picks {
    /// Creates a table for batches of at most `capacity` images of `set`, with labels below
    /// `classes`. It also serves other sets of the same size and shape in the same context.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Label`] if there are no classes, [`ArgumentError::TooLarge`] if the
    /// device code cannot count the images or classes, and [`GpuError::OutOfMemory`] if device
    /// memory is exhausted.
    pub fn new(set: &Images, capacity: usize, classes: usize) -> Result<Self, GpuError> {
        int("the number of images", capacity)?;
        int("the number of classes", classes)?;
        // The initial label of every entry.
        expect_labels(&[0], classes)?;
        let len = (PICK_INTS + 1) * capacity;
        Ok(Self {
            table: StagedBuffer::new(set.context(), len)?,
            capacity,
            len: capacity,
            shape: set.shape,
            classes,
        })
    }

    /// Replaces the batch. Work submitted earlier still uses the old one.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Range`] if there are more images than the capacity of the table,
    /// [`ArgumentError::Length`] if there is not one label per image, [`ArgumentError::Pick`] if an
    /// image is not in the set or is shifted out of its frame, and [`ArgumentError::Label`] if a
    /// label is not a class. The table is then unchanged.
    pub fn set(&mut self, picks: &[Pick], labels: &[u16]) -> Result<(), GpuError> {
        expect_within(&(0..picks.len()), self.capacity)?;
        expect_len("the labels of a batch", picks.len(), labels.len())?;
        expect_labels(labels, self.classes)?;
        for (position, &pick) in picks.iter().enumerate() {
            self.expect_in_set(position, pick)?;
        }
        let first_label = PICK_INTS * self.capacity;
        self.table.refill(|table| {
            // The remaining entries stem from earlier batches and are still valid.
            let (entries, own_labels) = table.split_at_mut(first_label);
            for (entry, pick) in entries.chunks_exact_mut(PICK_INTS).zip(picks) {
                let Pick {
                    image,
                    flip,
                    down,
                    right,
                } = *pick;
                // All are below 2^30, like the extents of the set.
                entry.copy_from_slice(&[image as i32, i32::from(flip), down as i32, right as i32]);
            }
            for (place, &label) in own_labels.iter_mut().zip(labels) {
                *place = i32::from(label);
            }
        })?;
        self.len = picks.len();
        Ok(())
    }

    /// Number of images in the current batch.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the batch has no images.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Largest number of images in a batch.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the labels of the first `images` images.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Range`] if the batch has fewer images.
    pub fn labels(&self, images: usize) -> Result<LabelsView<'_>, GpuError> {
        expect_within(&(0..images), self.len)?;
        let first = PICK_INTS * self.capacity;
        let labels = self.table.view().range(first..first + images)?;
        Ok(LabelsView::new(labels, self.classes))
    }

    /// Checks that the image is in the set, and that its shift leaves part of it in the frame.
    fn expect_in_set(&self, position: usize, pick: Pick) -> Result<(), ArgumentError> {
        let MapShape {
            images,
            height,
            width,
            ..
        } = self.shape;
        let fits = pick.image < images
            && pick.down.unsigned_abs() < height
            && pick.right.unsigned_abs() < width;
        if fits {
            return Ok(());
        }
        Err(ArgumentError::Pick {
            position,
            image: pick.image,
            down: pick.down,
            right: pick.right,
            images,
            height,
            width,
        })
    }
}

/// Returns the size of an image in bytes, or an error if the device code cannot count it or the
/// images.
fn volume(shape: MapShape) -> Result<usize, ArgumentError> {
    let MapShape {
        channels,
        images,
        height,
        width,
    } = shape;
    int("the number of images", images)?;
    int("the number of channels", channels)?;
    int("the height of an image", height)?;
    int("the width of an image", width)?;
    let area = channels.saturating_mul(height);
    let volume = area.saturating_mul(width);
    int("the bytes of an image", volume)?;
    Ok(volume)
}
