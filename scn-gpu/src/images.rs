//! Images that stay on a device as bytes, and the batches made of them there:
//!
//! ```text
//! x[c, n, i, j] = (p[image(n), c, i', j'] - mean[c, i', j']) * scale,    i' = i - down(n),
//!                                                                        j' = j - right(n), or W - 1 - (j - right(n)) if flipped
//! ```
//!
//! and 0 where (i', j') lies outside. The device computes it in f32 with the operations of
//! `scn-data`, in their order, so that the same picks give the same bits as a batch made on the
//! processor.

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

/// A set of images on a device, one byte a value, with the normalisation that batches get.
#[derive(Debug)]
pub struct Images {
    /// N, C, H, W.
    pixels: Buffer<u8>,
    /// C, H, W.
    mean: Buffer<f32>,
    scale: f32,
    shape: MapShape,
}

/// One image of a batch: which image of the set, flipped left and right or not, then moved. The
/// default is the first image as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Pick {
    /// Index in the set, counted from 0.
    pub image: usize,
    /// Whether it is mirrored left and right, before it is moved.
    pub flip: bool,
    /// Pixels by which it is moved down, less than the height either way.
    pub down: isize,
    /// Pixels by which it is moved to the right, less than the width either way.
    pub right: isize,
}

impl Pick {
    /// Image `image` of a set, counted from 0, as it is.
    pub fn new(image: usize) -> Self {
        Self {
            image,
            ..Self::default()
        }
    }

    /// Mirrored left and right if `flip`, before it is moved.
    #[must_use]
    pub fn flipped(self, flip: bool) -> Self {
        Self { flip, ..self }
    }

    /// Moved by so many pixels down and to the right, or up and to the left if they are negative.
    #[must_use]
    pub fn moved(self, down: isize, right: isize) -> Self {
        Self {
            down,
            right,
            ..self
        }
    }
}

/// Picks and labels of a batch, at a fixed address on a device.
///
/// All entries are valid for the sets and the number of classes that the table was made for, also
/// those beyond a small batch: kernels use picks and labels as indices, and a graph reads those
/// that are there when it runs. Until the table is [set](Self::set), every entry is the first image
/// of the set, with label 0.
#[derive(Debug)]
pub struct Picks {
    /// The picks, [`PICK_INTS`] for each of `capacity` images, then as many labels: in one piece,
    /// so that one copy brings all.
    table: StagedBuffer<i32>,
    capacity: usize,
    /// Number of images of the current batch.
    len: usize,
    /// Of the sets whose images may be picked.
    shape: MapShape,
    classes: usize,
}

impl Images {
    /// Brings a set to a device: `pixels` in the order N, C, H, W, with the extents of `shape`, and
    /// `mean` in the order C, H, W.
    ///
    /// The set may have more than 2^31 bytes, as long as the device has the memory.
    ///
    /// # Errors
    /// [`ArgumentError::Length`] if `pixels` or `mean` do not have the length that `shape` says,
    /// [`ArgumentError::NoImages`] if that is 0, [`ArgumentError::TooLarge`] for extents beyond
    /// what the device code counts with, [`GpuError::OutOfMemory`].
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

    /// Number of images, and their extents. The bytes lie image by image, unlike a feature map.
    pub fn shape(&self) -> MapShape {
        self.shape
    }

    /// The context that the set belongs to.
    pub fn context(&self) -> &Context {
        self.pixels.context()
    }

    /// Writes the first `images` of the picked images to `out`, channel by channel: entry (c,
    /// image, y, x) at `((c images + image) H + y) W + x`.
    ///
    /// # Errors
    /// [`ArgumentError::Range`] if fewer images are picked, [`ArgumentError::OtherSet`] if the
    /// picks were made for sets of other extents, [`ArgumentError::Length`] if `out` does not have
    /// C `images` H W entries, [`ArgumentError::TooLarge`] if these are more than 2^30,
    /// [`ArgumentError::OtherContext`].
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
/// with the bits of `scn-data`: the difference is rounded, then the sum of the product.
///
/// # Errors
/// [`ArgumentError::Length`] if there are not as many entries of both,
/// [`ArgumentError::OtherContext`].
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
    /// A table for batches of at most `capacity` images of `set`, whose labels are below `classes`.
    /// It also serves other sets of the same number of images of the same shape, in the same
    /// context.
    ///
    /// # Errors
    /// [`ArgumentError::Label`] without a class, [`ArgumentError::TooLarge`] for more images or
    /// classes than the device code counts with, [`GpuError::OutOfMemory`].
    pub fn new(set: &Images, capacity: usize, classes: usize) -> Result<Self, GpuError> {
        int("the number of images", capacity)?;
        int("the number of classes", classes)?;
        // The label that stands in every place at first.
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

    /// Replaces the batch. Work submitted before still sees the old one.
    ///
    /// # Errors
    /// [`ArgumentError::Range`] for more images than the table has room for,
    /// [`ArgumentError::Length`] if there is not one label per image, [`ArgumentError::Pick`] for
    /// an image that the set does not have or that is moved out of its frame,
    /// [`ArgumentError::Label`] for a label that is no class. The table is unchanged then.
    pub fn set(&mut self, picks: &[Pick], labels: &[u16]) -> Result<(), GpuError> {
        expect_within(&(0..picks.len()), self.capacity)?;
        expect_len("the labels of a batch", picks.len(), labels.len())?;
        expect_labels(labels, self.classes)?;
        for (position, &pick) in picks.iter().enumerate() {
            self.expect_in_set(position, pick)?;
        }
        let first_label = PICK_INTS * self.capacity;
        self.table.refill(|table| {
            // What is left of an earlier batch in the other places was valid, and is.
            let (entries, own_labels) = table.split_at_mut(first_label);
            for (entry, pick) in entries.chunks_exact_mut(PICK_INTS).zip(picks) {
                let Pick {
                    image,
                    flip,
                    down,
                    right,
                } = *pick;
                // All below 2^30, as the extents of the set are.
                entry.copy_from_slice(&[image as i32, i32::from(flip), down as i32, right as i32]);
            }
            for (place, &label) in own_labels.iter_mut().zip(labels) {
                *place = i32::from(label);
            }
        })?;
        self.len = picks.len();
        Ok(())
    }

    /// Number of images of the current batch.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the batch has no image.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of images that the table has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The labels of the first `images` images, for reading.
    ///
    /// # Errors
    /// [`ArgumentError::Range`] if the batch has fewer.
    pub fn labels(&self, images: usize) -> Result<LabelsView<'_>, GpuError> {
        expect_within(&(0..images), self.len)?;
        let first = PICK_INTS * self.capacity;
        let labels = self.table.view().range(first..first + images)?;
        Ok(LabelsView::new(labels, self.classes))
    }

    /// `Ok` if the set has the image, and the shift leaves some of it in its frame.
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

/// Bytes of an image, if the device code can count them and the images.
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
