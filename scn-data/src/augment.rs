//! Random flips and shifts of normalised images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draws::Draws;
use crate::error::BatchError;

/// How many images share one random flip and shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Draw {
    /// All images of a batch.
    #[default]
    Batch,
    /// The images of a [group](crate::groups), as in the [authors'
    /// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks), in which
    /// each device draws for its part of a batch.
    Group,
    /// A single image, as is usual.
    Image,
}

/// The random variation of training images.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `flip` | `false` | mirror horizontally with probability 1/2 |
/// | `shift` | 0 | shift by a whole number of pixels, uniform in `-shift..=shift`, down and to the right independently |
/// | `draw` | `batch` | one draw per `batch`, `group` or `image` |
/// | `group` | 0 | only with `draw = "group"`, then at least 1: a full batch of N images has N / `group` groups, rounded up, and a smaller one has as many |
///
/// Pixels uncovered by a shift are 0 in the *normalised* image, which is the mean in the original
/// one. Whitened images are shifted after whitening.
///
/// # Example
///
/// ```
/// use scn_data::{Augmentation, DatasetName, Draw, Loader, Normalization, NormalizationConfig};
/// # use std::{path::Path, sync::Arc};
///
/// let train = scn_data::open(DatasetName::Digits, Path::new(""))?.train;
/// let normalization = Normalization::fit(&train, NormalizationConfig::default())?;
/// let (train, normalization) = (Arc::new(train), Arc::new(normalization));
/// let augmentation = Augmentation::default().with_shift(2).with_draw(Draw::Image);
/// let loader = Loader::training(train, normalization, augmentation, 128, 7)?;
///
/// for plan in loader.plans(0, 0) {
///     assert!(plan.placements.iter().all(|place| !place.flip));
///     assert!(plan.placements.iter().all(|place| place.down.abs().max(place.right.abs()) <= 2));
///     // The images of a batch are shifted independently.
///     assert!(plan.placements.iter().any(|place| *place != plan.placements[0]));
/// }
/// # Ok::<(), scn_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Augmentation {
    /// Whether images are flipped.
    pub flip: bool,
    /// Largest shift in pixels, smaller than the images.
    pub shift: usize,
    /// How many images share a draw.
    pub draw: Draw,
    /// Number of images of a group in a full batch.
    pub group: usize,
}

impl Augmentation {
    /// Sets whether images are flipped.
    #[must_use]
    pub fn with_flip(self, flip: bool) -> Self {
        Self { flip, ..self }
    }

    /// Sets the largest shift in pixels.
    #[must_use]
    pub fn with_shift(self, shift: usize) -> Self {
        Self { shift, ..self }
    }

    /// Sets how many images share a draw.
    #[must_use]
    pub fn with_draw(self, draw: Draw) -> Self {
        Self { draw, ..self }
    }

    /// Sets the number of images of a group in a full batch, for [`Draw::Group`].
    #[must_use]
    pub fn with_group(self, group: usize) -> Self {
        Self { group, ..self }
    }

    /// Checks that no shift can push an image of `shape` (C, H, W) out of its frame, and that
    /// groups have images.
    pub(crate) fn check(&self, shape: [usize; 3]) -> Result<(), BatchError> {
        let [_, height, width] = shape;
        if self.shift > 0 && self.shift >= height.min(width) {
            return Err(BatchError::Shift {
                found: self.shift,
                height,
                width,
            });
        }
        if self.draw == Draw::Group && self.group == 0 {
            return Err(BatchError::Group);
        }
        Ok(())
    }

    /// Draws one flip and shift.
    pub(crate) fn draw(&self, draws: &mut Draws) -> Placement {
        let flip = self.flip && draws.coin();
        let mut offset = || {
            if self.shift == 0 {
                0
            } else {
                draws.below(2 * self.shift as u64 + 1) as isize - self.shift as isize
            }
        };
        Placement {
            flip,
            down: offset(),
            right: offset(),
        }
    }
}

/// The position of an image in its frame: flipped or not, then shifted. The default leaves the
/// image unchanged.
///
/// ```text
/// out[c, y, x] = image[c, y - down, x'],   or 0 if that is outside the image
/// x' = x - right,   or W - 1 - (x - right) if flipped
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Placement {
    /// Whether the image is mirrored horizontally, before it is shifted.
    pub flip: bool,
    /// Downward shift in pixels. A [`Loader`](crate::Loader) draws less than the height, in either
    /// direction.
    pub down: isize,
    /// Rightward shift in pixels. A [`Loader`](crate::Loader) draws less than the width, in either
    /// direction.
    pub right: isize,
}

impl Placement {
    /// Whether the image stays unchanged.
    pub(crate) fn is_identity(self) -> bool {
        self == Self::default()
    }

    /// Returns the placement whose frame is the horizontal mirror image of this one's.
    pub(crate) fn mirrored(self) -> Self {
        Self {
            flip: !self.flip,
            down: self.down,
            right: -self.right,
        }
    }

    /// Writes `image` of `shape` (C, H, W) to `out`, which must be zero.
    pub(crate) fn place(self, image: &[f32], shape: [usize; 3], out: &mut [f32]) {
        let [_, height, width] = shape;
        let area = height * width;
        let (from_y, to_y, rows) = overlap(self.down, height);
        let (from_x, to_x, columns) = overlap(self.right, width);
        // In a flipped row, the visible part starts as far from the right as it would from the
        // left.
        let from_x = if self.flip {
            width - from_x - columns
        } else {
            from_x
        };
        for (plane, framed) in image.chunks_exact(area).zip(out.chunks_exact_mut(area)) {
            for row in 0..rows {
                let seen = &plane[(from_y + row) * width + from_x..][..columns];
                let place = &mut framed[(to_y + row) * width + to_x..][..columns];
                place.copy_from_slice(seen);
                if self.flip {
                    place.reverse();
                }
            }
        }
    }
}

/// Returns the start in the image, the start in the frame and the length of the visible part of
/// `size` pixels shifted by `offset`.
fn overlap(offset: isize, size: usize) -> (usize, usize, usize) {
    let moved = offset.unsigned_abs().min(size);
    if offset < 0 {
        (moved, 0, size - moved)
    } else {
        (0, moved, size - moved)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::draws::Purpose;

    const SHAPE: [usize; 3] = [2, 3, 5];

    fn picture() -> Vec<f32> {
        (1..=30u8).map(f32::from).collect()
    }

    fn placed(placement: Placement, image: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; 30];
        placement.place(image, SHAPE, &mut out);
        out
    }

    #[test]
    fn flipping_mirrors_rows_and_flipping_twice_is_the_identity() {
        let flip = Placement {
            flip: true,
            ..Placement::default()
        };
        let once = placed(flip, &picture());
        assert_eq!(once[..5], [5.0, 4.0, 3.0, 2.0, 1.0]);
        assert_eq!(once[15..20], [20.0, 19.0, 18.0, 17.0, 16.0]);
        assert_eq!(placed(flip, &once), picture());
    }

    proptest! {
        /// Each pixel must be where the definition puts it: (y, x) at (y + down, x' + right), where
        /// x' = x or width - 1 - x. Everything else in the frame must be 0.
        #[test]
        fn every_pixel_goes_where_the_definition_says(flip: bool, down in -2isize..=2, right in -4isize..=4) {
            let [channels, height, width] = SHAPE;
            let image = picture();
            let out = placed(Placement { flip, down, right }, &image);
            let mut expected = vec![0.0; 30];
            for c in 0..channels {
                for y in 0..height {
                    for x in 0..width {
                        let mirrored = if flip { width - 1 - x } else { x };
                        let (to_y, to_x) = (y as isize + down, mirrored as isize + right);
                        if (0..height as isize).contains(&to_y) && (0..width as isize).contains(&to_x) {
                            expected[(c * height + to_y as usize) * width + to_x as usize] =
                                image[(c * height + y) * width + x];
                        }
                    }
                }
            }
            prop_assert_eq!(out, expected);
        }

        /// The whole frame is mirrored, even if the image is shifted in it.
        #[test]
        fn a_mirrored_placement_mirrors_the_frame(flip: bool, down in -2isize..=2, right in -4isize..=4) {
            let [_, _, width] = SHAPE;
            let placement = Placement { flip, down, right };
            let mut expected = placed(placement, &picture());
            expected.chunks_exact_mut(width).for_each(<[f32]>::reverse);
            prop_assert_eq!(placed(placement.mirrored(), &picture()), expected);
        }
    }

    #[test]
    fn draws_take_every_allowed_value_and_no_other() {
        let augmentation = Augmentation {
            flip: true,
            shift: 1,
            draw: Draw::Image,
            group: 0,
        };
        let mut draws = Draws::new(1, 2, Purpose::Augmentation, 3);
        let mut counts = std::collections::HashMap::new();
        for _ in 0..1800 {
            let Placement { flip, down, right } = augmentation.draw(&mut draws);
            *counts.entry((flip, down, right)).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 18);
        // 1800 draws of 18 equally likely values: 100 each with a standard deviation of 9.7, so
        // within 6 deviations.
        assert!(
            counts.values().all(|&count| (42..=158).contains(&count)),
            "{counts:?}"
        );
        let none = Augmentation::default();
        assert!((0..100).all(|_| none.draw(&mut draws).is_identity()));
    }

    #[test]
    fn a_shift_as_large_as_the_picture_is_refused() {
        let shifted = |shift| {
            Augmentation {
                shift,
                ..Augmentation::default()
            }
            .check([1, 3, 5])
        };
        assert!(shifted(2).is_ok());
        assert!(matches!(
            shifted(3),
            Err(BatchError::Shift {
                found: 3,
                height: 3,
                width: 5
            })
        ));
        assert!(shifted(usize::MAX).is_err());
    }
}
