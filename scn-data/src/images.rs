//! Images with their labels.

use std::sync::Arc;

use crate::error::{DataError, ImageError};
use crate::pixels::{PixelSlice, Pixels};

/// Images of one shape, with a label for each image and a name for each label.
///
/// Pixels are in the order N, C, H, W: image after image, in each the channels as whole planes, in
/// each plane the rows from the top, in each row the pixels from the left. Every set is consistent:
/// the pixels fill the images, labels are below [`classes`](Self::classes), bytes are at most
/// [`brightest`](Self::brightest), and floating point numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSet {
    pixels: Pixels,
    shape: [usize; 3],
    labels: Vec<u16>,
    class_names: Arc<[String]>,
    brightest: f32,
}

impl ImageSet {
    /// Creates a set from the `pixels` (N, C, H, W) of `labels.len()` images of `shape` (C, H, W).
    ///
    /// `class_names[label]` is the meaning of a label. `brightest` is the largest value that a
    /// pixel can have, whether or not it occurs: 255 for photographs, 16 for the embedded digits. A
    /// set may have no images.
    ///
    /// # Errors
    /// Returns [`Shape`](ImageError::Shape), [`PixelCount`](ImageError::PixelCount),
    /// [`Classes`](ImageError::Classes), [`Label`](ImageError::Label), [`Pixel`](ImageError::Pixel)
    /// or [`Brightest`](ImageError::Brightest) for an argument that does not fit.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::ImageSet;
    ///
    /// // Two grey images of 2 x 2 pixels.
    /// let pixels = vec![0, 50, 100, 150, 255, 255, 255, 255];
    /// let names = ["ramp", "white"].map(str::to_owned);
    /// let images = ImageSet::new(pixels, [1, 2, 2], vec![0, 1], names, 255)?;
    /// assert_eq!((images.len(), images.classes()), (2, 2));
    /// assert_eq!(images.image(1).bytes(), Some(&[255; 4][..]));
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
    pub fn new(
        pixels: Vec<u8>,
        shape: [usize; 3],
        labels: Vec<u16>,
        class_names: impl Into<Arc<[String]>>,
        brightest: u8,
    ) -> Result<Self, DataError> {
        let class_names = class_names.into();
        let pixels = Pixels::Owned(pixels);
        Ok(Self::from_pixels(
            pixels,
            shape,
            labels,
            class_names,
            f32::from(brightest),
        )?)
    }

    /// Same as [`new`](Self::new), for floating point numbers, which are kept unchanged.
    ///
    /// `brightest` is the number for full brightness: 1 for pixels from 0 to 1. Pixels may be
    /// negative and may exceed it. [`Scale::Range`](crate::Scale::Range) divides by it, and noise
    /// and image files are scaled to it.
    ///
    /// # Errors
    /// Same as [`new`](Self::new). Also returns [`NotFinite`](ImageError::NotFinite) if a pixel is
    /// not finite.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::ImageSet;
    ///
    /// // Two grey images of 1 x 2 pixels. Full brightness is 1, which pixels may exceed.
    /// let pixels = vec![0.0, 0.25, -0.5, 1.5];
    /// let names = ["line".to_owned()];
    /// let images = ImageSet::from_floats(pixels, [1, 1, 2], vec![0, 0], names, 1.0)?;
    /// assert!(images.image(1).values().eq([-0.5, 1.5]));
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
    pub fn from_floats(
        pixels: Vec<f32>,
        shape: [usize; 3],
        labels: Vec<u16>,
        class_names: impl Into<Arc<[String]>>,
        brightest: f32,
    ) -> Result<Self, DataError> {
        let class_names = class_names.into();
        let pixels = Pixels::Floats(pixels);
        Ok(Self::from_pixels(
            pixels,
            shape,
            labels,
            class_names,
            brightest,
        )?)
    }

    /// Same as [`new`](Self::new), for pixels of any storage.
    pub(crate) fn from_pixels(
        pixels: Pixels,
        shape: [usize; 3],
        labels: Vec<u16>,
        class_names: Arc<[String]>,
        brightest: f32,
    ) -> Result<Self, ImageError> {
        let volume = volume(shape)?;
        let found = pixels.as_slice().len();
        if volume.checked_mul(labels.len()) != Some(found) {
            return Err(ImageError::PixelCount {
                labels: labels.len(),
                shape,
                expected: (volume as u64).saturating_mul(labels.len() as u64),
                found,
            });
        }
        let classes = class_names.len();
        if classes == 0 || classes > usize::from(u16::MAX) + 1 {
            return Err(ImageError::Classes { found: classes });
        }
        if let Some(image) = labels
            .iter()
            .position(|&label| usize::from(label) >= classes)
        {
            return Err(ImageError::Label {
                image,
                value: labels[image],
                classes,
            });
        }
        if !(brightest.is_finite() && brightest > 0.0) {
            return Err(ImageError::Brightest { found: brightest });
        }
        match pixels.as_slice() {
            // The scan is skipped if no byte can exceed the brightest value, as in photographs,
            // which are the large sets.
            PixelSlice::Bytes(_) if brightest >= 255.0 => (),
            PixelSlice::Bytes(bytes) => {
                let exceeds = |&pixel: &u8| f32::from(pixel) > brightest;
                if let Some(index) = bytes.iter().position(exceeds) {
                    return Err(ImageError::Pixel {
                        image: index / volume,
                        value: bytes[index],
                        brightest,
                    });
                }
            }
            PixelSlice::Floats(values) => {
                if let Some(index) = values.iter().position(|pixel| !pixel.is_finite()) {
                    return Err(ImageError::NotFinite {
                        image: index / volume,
                        value: values[index],
                    });
                }
            }
        }
        Ok(Self {
            pixels,
            shape,
            labels,
            class_names,
            brightest,
        })
    }

    /// Returns the number of images N.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Returns the channels, height and width of every image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Returns the number of classes, including those without images.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// Returns the meanings of the labels 0, 1, ...
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Returns the label of each image, below [`classes`](Self::classes).
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Returns all pixels, N, C, H, W.
    pub fn pixels(&self) -> PixelSlice<'_> {
        self.pixels.as_slice()
    }

    /// Returns the pixels of one image, C, H, W.
    ///
    /// # Panics
    /// Panics if `index` is not below [`len`](Self::len).
    pub fn image(&self, index: usize) -> PixelSlice<'_> {
        let volume = self.volume();
        self.pixels().part(index * volume..(index + 1) * volume)
    }

    /// Returns the largest value that a byte can have, or the number for full brightness.
    pub fn brightest(&self) -> f32 {
        self.brightest
    }

    /// Returns the same set with different pixels, of the same number and range.
    pub(crate) fn with_pixels(&self, pixels: Pixels) -> Self {
        Self {
            pixels,
            labels: self.labels.clone(),
            class_names: Arc::clone(&self.class_names),
            ..*self
        }
    }

    /// Returns a copy of the first `count` images, or of all if there are fewer. Mapped pixels stay
    /// in their file.
    pub fn first(&self, count: usize) -> ImageSet {
        let count = count.min(self.len());
        let length = count * self.volume();
        Self {
            pixels: self.pixels.first(length),
            labels: self.labels[..count].to_vec(),
            class_names: Arc::clone(&self.class_names),
            ..*self
        }
    }

    /// Returns a copy of the images at `indices`, in that order. An index may occur more than once.
    ///
    /// # Errors
    /// Returns [`ImageError::Index`] if an index is not below [`len`](Self::len).
    pub fn subset(&self, indices: &[usize]) -> Result<ImageSet, DataError> {
        match indices.iter().find(|&&index| index >= self.len()) {
            Some(&index) => {
                let images = self.len();
                Err(ImageError::Index { index, images }.into())
            }
            None => Ok(self.select(indices)),
        }
    }

    /// Same as [`subset`](Self::subset), for indices that are known to be valid.
    pub(crate) fn select(&self, indices: &[usize]) -> ImageSet {
        Self {
            pixels: self.pixels.select(self.volume(), indices),
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
            class_names: Arc::clone(&self.class_names),
            ..*self
        }
    }

    /// Indices of the images of each class, in order.
    pub(crate) fn by_class(&self) -> Vec<Vec<usize>> {
        let mut classes = vec![Vec::new(); self.classes()];
        for (image, &label) in self.labels.iter().enumerate() {
            classes[usize::from(label)].push(image);
        }
        classes
    }

    /// Number of pixels of one image: C H W.
    pub(crate) fn volume(&self) -> usize {
        self.shape.iter().product()
    }
}

/// C H W, at least 1.
pub(crate) fn volume(shape: [usize; 3]) -> Result<usize, ImageError> {
    let [channels, height, width] = shape;
    channels
        .checked_mul(height)
        .and_then(|area| area.checked_mul(width))
        .filter(|&volume| volume > 0)
        .ok_or(ImageError::Shape { found: shape })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|name| name.to_string()).collect()
    }

    #[test]
    fn images_are_cut_where_they_start() {
        let set =
            ImageSet::new((0..24).collect(), [2, 2, 3], vec![1, 0], names(2), 255).expect("valid");
        assert_eq!((set.len(), set.classes(), set.shape()), (2, 2, [2, 2, 3]));
        let second: Vec<u8> = (12..24).collect();
        assert_eq!(set.image(1), second[..].into());
        let one = set.first(1);
        assert_eq!(
            (one.len(), one.labels(), one.image(0)),
            (1, &[1][..], set.image(0))
        );
        assert_eq!(set.first(9), set);
        assert!(set.first(0).is_empty());

        let swapped = set.subset(&[1, 0, 1]).expect("there");
        assert_eq!(swapped.labels(), [0, 1, 0]);
        assert_eq!(
            (swapped.image(0), swapped.image(1), swapped.image(2)),
            (set.image(1), set.image(0), set.image(1))
        );
        assert_eq!(set.subset(&[0]).expect("there"), one);
        assert!(matches!(
            set.subset(&[0, 2]),
            Err(DataError::Image(ImageError::Index {
                index: 2,
                images: 2
            }))
        ));
    }

    #[test]
    fn each_inconsistency_is_its_own_error() {
        let new = |pixels: usize, shape, labels: &[u16], classes, brightest| {
            ImageSet::new(
                vec![7; pixels],
                shape,
                labels.to_vec(),
                names(classes),
                brightest,
            )
        };
        assert!(new(4, [1, 2, 2], &[0], 1, 7).is_ok());
        assert!(matches!(
            new(0, [1, 0, 2], &[], 1, 7),
            Err(DataError::Image(ImageError::Shape { .. }))
        ));
        assert!(matches!(
            new(4, [usize::MAX, 2, 2], &[0], 1, 7),
            Err(DataError::Image(ImageError::Shape { .. }))
        ));
        assert!(matches!(
            new(5, [1, 2, 2], &[0], 1, 7),
            Err(DataError::Image(ImageError::PixelCount {
                expected: 4,
                found: 5,
                ..
            }))
        ));
        assert!(matches!(
            new(4, [1, 2, 2], &[0], 0, 7),
            Err(DataError::Image(ImageError::Classes { found: 0 }))
        ));
        assert!(matches!(
            new(4, [1, 2, 2], &[0], 65537, 7),
            Err(DataError::Image(ImageError::Classes { .. }))
        ));
        assert!(matches!(
            new(8, [1, 2, 2], &[0, 1], 1, 7),
            Err(DataError::Image(ImageError::Label {
                image: 1,
                value: 1,
                classes: 1
            }))
        ));
        assert!(matches!(
            new(4, [1, 2, 2], &[0], 1, 6),
            Err(DataError::Image(ImageError::Pixel {
                image: 0,
                value: 7,
                brightest: 6.0
            }))
        ));
        let floats = |pixel: f32, brightest| {
            ImageSet::from_floats(vec![pixel; 4], [1, 2, 2], vec![0], names(1), brightest)
        };
        assert!(floats(-300.0, 1.0).is_ok());
        assert!(matches!(
            floats(f32::NAN, 1.0),
            Err(DataError::Image(ImageError::NotFinite { image: 0, .. }))
        ));
        for brightest in [0.0, -1.0, f32::INFINITY] {
            assert!(matches!(
                floats(1.0, brightest),
                Err(DataError::Image(ImageError::Brightest { .. }))
            ));
        }
        assert!(matches!(
            new(4, [1, 2, 2], &[0], 1, 0),
            Err(DataError::Image(ImageError::Brightest { .. }))
        ));
    }
}
