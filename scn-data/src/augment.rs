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
    /// All of a batch.
    #[default]
    Batch,
    /// Those of a [group](crate::groups), as in the [program of the paper's
    /// authors](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks), whose
    /// devices each draw for their part of a batch.
    Group,
    /// One image: each has its own, as is usual.
    Image,
}

/// How training images are varied.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `flip` | `false` | mirror left and right with probability 1/2 |
/// | `shift` | 0 | move by a whole number of pixels, uniform in `-shift..=shift`, down and to the right independently |
/// | `draw` | `batch` | one draw a `batch`, a `group` or an `image` |
/// | `group` | 0 | only with `draw = "group"`, then at least 1: a full batch of N images has N / `group` groups, rounded up; a smaller one as many |
///
/// What a shift uncovers is 0 in the *normalised* image, so the mean in the original one. Whitened
/// images are moved as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Augmentation {
    /// Whether images are flipped.
    pub flip: bool,
    /// Largest shift in pixels, smaller than the pictures.
    pub shift: usize,
    /// How many images share a draw.
    pub draw: Draw,
    /// Images of a group in a full batch.
    pub group: usize,
}

impl Augmentation {
    /// The same settings with images flipped or not.
    #[must_use]
    pub fn with_flip(self, flip: bool) -> Self {
        Self { flip, ..self }
    }

    /// The same settings with shifts of at most `shift` pixels.
    #[must_use]
    pub fn with_shift(self, shift: usize) -> Self {
        Self { shift, ..self }
    }

    /// The same settings with one draw a batch, a group or an image.
    #[must_use]
    pub fn with_draw(self, draw: Draw) -> Self {
        Self { draw, ..self }
    }

    /// The same settings with groups of `group` images in a full batch, for [`Draw::Group`].
    #[must_use]
    pub fn with_group(self, group: usize) -> Self {
        Self { group, ..self }
    }

    /// That no shift can push a picture of `shape` (C, H, W) out of its frame.
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

    /// One flip and shift.
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

/// Where a picture lies in its frame: flipped or not, then moved. The default leaves the picture as
/// it is.
///
/// ```text
/// out[c, y, x] = image[c, y - down, x'],   x' = x - right, or W - 1 - (x - right) if flipped;   0 outside the picture
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Placement {
    /// Mirrored left and right, before it is moved.
    pub flip: bool,
    /// Pixels downwards. A [`Loader`](crate::Loader) draws less than the height, either way.
    pub down: isize,
    /// Pixels to the right. A [`Loader`](crate::Loader) draws less than the width, either way.
    pub right: isize,
}

impl Placement {
    /// Whether the picture stays as it is.
    pub(crate) fn is_identity(self) -> bool {
        self == Self::default()
    }

    /// The placement whose frame is the mirror image, left and right, of this one's.
    pub(crate) fn mirrored(self) -> Self {
        Self {
            flip: !self.flip,
            down: self.down,
            right: -self.right,
        }
    }

    /// Writes `image` of `shape` (C, H, W) into `out`, which must be zero.
    pub(crate) fn place(self, image: &[f32], shape: [usize; 3], out: &mut [f32]) {
        let [_, height, width] = shape;
        let area = height * width;
        let (from_y, to_y, rows) = overlap(self.down, height);
        let (from_x, to_x, columns) = overlap(self.right, width);
        // In a flipped row the visible stretch starts as far from the right as it would from the
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

/// Start in the picture, start in the frame and length of what stays visible of `size` pixels moved
/// by `offset`.
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
        /// Each pixel is looked for where the definition says it must be: (y, x) to (y + down, x' +
        /// right), x' = x or width - 1 - x; nothing else may be in the frame.
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

        /// The whole frame is mirrored, also where the picture has been moved in it.
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
        // within 6 of them.
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
