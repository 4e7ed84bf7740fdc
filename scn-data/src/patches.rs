//! Patches of an image: their positions, their pixels, and the image that overlapping patches
//! average to.

use std::ops::Range;

use crate::error::PatchError;

/// The patches of images of one shape, in reading order: from left to right, then down.
///
/// Patches are `stride` pixels apart along both axes. If that does not fit, the last patch of each
/// row and column of patches lies flush with the border. So every pixel is in a patch, unless the
/// stride is larger than the patches. The pixels of a patch are in the order channel, row, column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchGrid {
    channels: usize,
    down: Axis,
    across: Axis,
}

/// The positions of patches along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Axis {
    /// Pixels of the image.
    side: usize,
    /// Pixels of a patch.
    length: usize,
    stride: usize,
}

impl Axis {
    /// Number of positions.
    fn count(self) -> usize {
        (self.side - self.length).div_ceil(self.stride) + 1
    }

    /// The pixels of the patch at a position.
    fn pixels(self, place: usize) -> Range<usize> {
        let first = (place * self.stride).min(self.side - self.length);
        first..first + self.length
    }

    /// For each pixel, the number of positions whose patch contains it.
    fn cover(self) -> Vec<u32> {
        let mut cover = vec![0; self.side];
        for place in 0..self.count() {
            cover[self.pixels(place)]
                .iter_mut()
                .for_each(|count| *count += 1);
        }
        cover
    }
}

impl PatchGrid {
    /// Creates the grid of patches of this height and width in images of shape C, H, W.
    ///
    /// # Errors
    /// Returns an error if patches or images have no pixels, if patches are larger than images, or
    /// if the stride is 0.
    pub fn new(shape: [usize; 3], patch: [usize; 2], stride: usize) -> Result<Self, PatchError> {
        let [channels, height, width] = shape;
        let picture = [height, width];
        if channels == 0 || picture.contains(&0) || patch.contains(&0) {
            return Err(PatchError::Empty { patch, picture });
        }
        if stride == 0 {
            return Err(PatchError::Stride);
        }
        if patch[0] > height || patch[1] > width {
            return Err(PatchError::Larger { patch, picture });
        }
        let axis = |side, length| Axis {
            side,
            length,
            stride,
        };
        Ok(Self {
            channels,
            down: axis(height, patch[0]),
            across: axis(width, patch[1]),
        })
    }

    /// Returns the number of pixels of a patch over all channels: C h w.
    pub fn entries(&self) -> usize {
        self.channels * self.down.length * self.across.length
    }

    /// Returns the number of patches of an image.
    pub fn patches(&self) -> usize {
        self.down.count() * self.across.count()
    }

    /// Returns the number of pixels of an image over all channels: C H W.
    pub fn pixels(&self) -> usize {
        self.channels * self.down.side * self.across.side
    }

    /// The rows of a patch, as ranges of the pixels of the image, in the order of the patch's
    /// entries.
    fn rows(&self, patch: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let Self {
            channels,
            down,
            across,
        } = *self;
        let columns = across.pixels(patch % across.count());
        let rows = down.pixels(patch / across.count());
        (0..channels).flat_map(move |channel| {
            let columns = columns.clone();
            rows.clone().map(move |row| {
                let start = (channel * down.side + row) * across.side;
                start + columns.start..start + columns.end
            })
        })
    }

    /// Copies the pixels of a patch from an image (C, H, W).
    ///
    /// # Panics
    /// Panics if `patch` is not below [`patches`](Self::patches), or if the lengths of `picture`
    /// and `out` are not [`pixels`](Self::pixels) and [`entries`](Self::entries).
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::PatchGrid;
    ///
    /// // There are four patches of 2 x 2 pixels. The second is at the top right.
    /// let image = [
    ///     0, 1, 2, //
    ///     3, 4, 5, //
    ///     6, 7, 8,
    /// ];
    /// let grid = PatchGrid::new([1, 3, 3], [2, 2], 1)?;
    /// assert_eq!(grid.patches(), 4);
    /// let mut patch = [0; 4];
    /// grid.copy(&image, 1, &mut patch);
    /// assert_eq!(patch, [1, 2, 4, 5]);
    /// # Ok::<(), scn_data::PatchError>(())
    /// ```
    pub fn copy<T: Copy>(&self, picture: &[T], patch: usize, out: &mut [T]) {
        assert!(patch < self.patches() && picture.len() == self.pixels());
        assert_eq!(out.len(), self.entries());
        let rows = out.chunks_exact_mut(self.across.length);
        for (out, row) in rows.zip(self.rows(patch)) {
            out.copy_from_slice(&picture[row]);
        }
    }
}

/// An image assembled from its patches: each pixel is the mean over the patches that contain it.
///
/// # Example
///
/// ```
/// use scn_data::{PatchAverage, PatchGrid};
///
/// let image: Vec<f64> = (0..9).map(f64::from).collect();
/// let grid = PatchGrid::new([1, 3, 3], [2, 2], 1)?;
/// let mut average = PatchAverage::new(grid.clone())?;
/// let mut patch = vec![0.0; grid.entries()];
/// for index in 0..grid.patches() {
///     grid.copy(&image, index, &mut patch);
///     average.add(index, &patch);
/// }
/// assert_eq!(average.take(), image);
/// # Ok::<(), scn_data::PatchError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PatchAverage {
    grid: PatchGrid,
    /// Sums over the patches added, C, H, W.
    sums: Vec<f64>,
    down: Vec<u32>,
    across: Vec<u32>,
}

impl PatchAverage {
    /// Creates an average without patches.
    ///
    /// # Errors
    /// Returns [`PatchError::Gaps`] if some pixels are in no patch.
    pub fn new(grid: PatchGrid) -> Result<Self, PatchError> {
        let (down, across) = (grid.down.cover(), grid.across.cover());
        if down.contains(&0) || across.contains(&0) {
            return Err(PatchError::Gaps {
                patch: [grid.down.length, grid.across.length],
                stride: grid.down.stride,
            });
        }
        Ok(Self {
            sums: vec![0.0; grid.pixels()],
            down,
            across,
            grid,
        })
    }

    /// Adds a patch. Every patch of the grid must be added once.
    ///
    /// # Panics
    /// Panics if `patch` is not below [`PatchGrid::patches`], or if the length of `values` is not
    /// [`PatchGrid::entries`].
    pub fn add(&mut self, patch: usize, values: &[f64]) {
        assert!(patch < self.grid.patches() && values.len() == self.grid.entries());
        let rows = values.chunks_exact(self.grid.across.length);
        for (values, row) in rows.zip(self.grid.rows(patch)) {
            for (sum, value) in self.sums[row].iter_mut().zip(values) {
                *sum += value;
            }
        }
    }

    /// Returns the image (C, H, W) that the added patches average to, and removes all patches.
    pub fn take(&mut self) -> Vec<f64> {
        let mut picture = std::mem::replace(&mut self.sums, vec![0.0; self.grid.pixels()]);
        let covers = self.down.iter().cycle();
        for (row, &down) in picture.chunks_exact_mut(self.across.len()).zip(covers) {
            for (value, &across) in row.iter_mut().zip(&self.across) {
                *value /= f64::from(down) * f64::from(across);
            }
        }
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers 0, 1, 2, ... in the order C, H, W.
    fn numbered(shape: [usize; 3]) -> Vec<f64> {
        (0..shape.iter().product::<usize>())
            .map(|at| at as f64)
            .collect()
    }

    fn patches(picture: &[f64], grid: &PatchGrid) -> Vec<Vec<f64>> {
        let patch = |index| {
            let mut out = vec![f64::NAN; grid.entries()];
            grid.copy(picture, index, &mut out);
            out
        };
        (0..grid.patches()).map(patch).collect()
    }

    #[test]
    fn patches_are_where_they_are_said_to_be() {
        // Two channels of 3 x 5 pixels, patches of 2 x 3: two rows of three.
        let grid = PatchGrid::new([2, 3, 5], [2, 3], 1).unwrap();
        assert_eq!((grid.entries(), grid.patches(), grid.pixels()), (12, 6, 30));
        let found = patches(&numbered([2, 3, 5]), &grid);
        let first = [0, 1, 2, 5, 6, 7, 15, 16, 17, 20, 21, 22].map(f64::from);
        for (index, found) in found.iter().enumerate() {
            let offset = (index / 3 * 5 + index % 3) as f64;
            assert_eq!(*found, first.map(|value| value + offset));
        }
        // A stride of 3 along 5 pixels: the second patch is at 2, flush with the border.
        let grid = PatchGrid::new([1, 3, 5], [3, 3], 3).unwrap();
        let found = patches(&numbered([1, 3, 5]), &grid);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], [2, 3, 4, 7, 8, 9, 12, 13, 14].map(f64::from));
        // A patch as large as the image is the only one, whatever the stride.
        let grid = PatchGrid::new([1, 3, 5], [3, 5], 7).unwrap();
        assert_eq!(patches(&numbered([1, 3, 5]), &grid), [numbered([1, 3, 5])]);
    }

    /// Compares with numpy 2.4 and scikit-learn 1.9, for `x = arange(54.0).reshape(6, 9)`. The
    /// strides fit, because numpy would leave pixels out otherwise.
    #[test]
    fn patches_are_those_of_numpy_and_scikit_learn() {
        let picture = numbered([1, 6, 9]);
        let found = |stride| {
            let grid = PatchGrid::new([1, 6, 9], [2, 3], stride).unwrap();
            patches(&picture, &grid)
        };
        let sum = |patches: &[Vec<f64>]| patches.iter().flatten().sum::<f64>();
        // sliding_window_view(x, (2, 3))[::2, ::2].reshape(-1, 6)
        let windows = found(2);
        assert_eq!((windows.len(), sum(&windows)), (12, 1908.0));
        assert_eq!(windows[5], [20.0, 21.0, 22.0, 29.0, 30.0, 31.0]);
        assert_eq!(windows[11], [42.0, 43.0, 44.0, 51.0, 52.0, 53.0]);
        // extract_patches_2d(x, (2, 3)).reshape(-1, 6)
        let all = found(1);
        assert_eq!((all.len(), sum(&all)), (35, 5565.0));
        assert_eq!(all[8], [10.0, 11.0, 12.0, 19.0, 20.0, 21.0]);
        assert_eq!(all[34], [42.0, 43.0, 44.0, 51.0, 52.0, 53.0]);
    }

    /// Compares with `reconstruct_from_patches_2d(q, (3, 4))` of scikit-learn 1.9, for
    /// `p = extract_patches_2d(arange(12.0).reshape(3, 4), (2, 2))` and
    /// `q = p + arange(4).reshape(2, 2) * (arange(6) + 1).reshape(6, 1, 1)`: patches that differ
    /// where they overlap.
    #[test]
    fn overlapping_patches_are_averaged_as_scikit_learn_does() {
        let grid = PatchGrid::new([1, 3, 4], [2, 2], 1).unwrap();
        let mut average = PatchAverage::new(grid.clone()).unwrap();
        for (index, mut patch) in patches(&numbered([1, 3, 4]), &grid).into_iter().enumerate() {
            for (at, value) in patch.iter_mut().enumerate() {
                *value += (at * (index + 1)) as f64;
            }
            average.add(index, &patch);
        }
        // Sums and quarters of small integers are exact.
        assert_eq!(
            average.take(),
            [
                0.0, 1.5, 3.0, 6.0, 5.0, 7.75, 10.25, 14.5, 16.0, 20.0, 23.5, 29.0
            ]
        );
    }

    /// The mean of equal numbers is exact here, because sums of a few small integers are exact.
    #[test]
    fn patches_that_agree_give_the_picture_back() {
        for shape in [[1, 1, 1], [1, 6, 5], [3, 7, 8], [2, 9, 4]] {
            let picture = numbered(shape);
            for (high, wide) in (1..=shape[1]).flat_map(|h| (1..=shape[2]).map(move |w| (h, w))) {
                for stride in 1..=5 {
                    let grid = PatchGrid::new(shape, [high, wide], stride).unwrap();
                    let Ok(mut average) = PatchAverage::new(grid.clone()) else {
                        assert!(stride > high.min(wide));
                        continue;
                    };
                    // Twice, because `take` must remove all patches.
                    for constant in [0.0, 0.75] {
                        let picture: Vec<f64> = match constant {
                            0.0 => picture.clone(),
                            _ => vec![constant; picture.len()],
                        };
                        for (index, patch) in patches(&picture, &grid).iter().enumerate() {
                            average.add(index, patch);
                        }
                        assert_eq!(average.take(), picture, "{shape:?} {high} {wide} {stride}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_makes_no_patches_is_refused() {
        let says = |shape, patch, stride| {
            let error = PatchGrid::new(shape, patch, stride).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            says([1, 8, 9], [9, 8], 1),
            "patches of 9 x 8 pixels must fit into the images, but these have 8 x 9"
        );
        assert!(says([1, 8, 9], [8, 10], 1).contains("must fit"));
        assert!(says([1, 8, 9], [0, 8], 1).contains("at least 1 x 1 pixels, but have 0 x 8"));
        assert!(says([1, 0, 9], [1, 1], 1).contains("1 x 1 and 0 x 9"));
        assert!(says([1, 8, 9], [8, 8], 0).contains("stride"));
        // The last patches start at 4 and 5, flush with the border. Only the latter leaves a gap.
        let grid = PatchGrid::new([1, 8, 9], [4, 4], 6).unwrap();
        assert_eq!(
            PatchAverage::new(grid).unwrap_err().to_string(),
            "patches of 4 x 4 pixels must cover every pixel, but a stride of 6 leaves gaps"
        );
        let grid = PatchGrid::new([1, 8, 8], [4, 4], 6).unwrap();
        assert!(PatchAverage::new(grid).is_ok());
    }
}
