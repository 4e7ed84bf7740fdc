//! One picture, or pictures of one shape, as numbers.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::decode::{Picture, read_alone};
use crate::error::{DataError, FileError};
use crate::files::open_regular;
use crate::format::npy::{Float, Kind, Numbers, is_archive};
use crate::format::unreadable;
use crate::memory::{bytes_of, check_memory};
use crate::picture_config::Colours;

/// Most channels that an axis of an array can be.
const CHANNELS: usize = 4;

/// Where pictures, rows, columns and channels are in an array.
///
/// | shape | pictures |
/// |---|---|
/// | `[H, W]` | one, grey |
/// | `[H, W, C]`, C up to 4 | one |
/// | `[N, H, W]`, W above 4 | grey |
/// | `[N, C, H, W]`, C up to 4, W above | |
/// | `[N, H, W, C]`, C up to 4, H above | |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureAxes {
    array: Vec<usize>,
    pictures: usize,
    shape: [usize; 3],
    channels_last: bool,
}

impl PictureAxes {
    /// The axes of an array of this shape; None for other shapes, and where two of the table fit.
    pub fn of(array: &[usize]) -> Option<Self> {
        let (pictures, shape, channels_last) = match *array {
            [height, width] => (1, [1, height, width], false),
            [height, width, channels @ 1..=CHANNELS] => (1, [channels, height, width], true),
            [pictures, height, width] => (pictures, [1, height, width], false),
            [pictures, first, second, third] => match (first <= CHANNELS, third <= CHANNELS) {
                (true, false) => (pictures, [first, second, third], false),
                (false, true) => (pictures, [third, first, second], true),
                _ => return None,
            },
            _ => return None,
        };
        let positive = pictures > 0 && !shape.contains(&0);
        positive.then(|| Self {
            array: array.to_vec(),
            pictures,
            shape,
            channels_last,
        })
    }

    /// The shape of the array.
    pub fn array(&self) -> &[usize] {
        &self.array
    }

    /// Number of pictures.
    pub fn pictures(&self) -> usize {
        self.pictures
    }

    /// Channels, height and width of each.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Pixels of each, those of all channels counted.
    fn volume(&self) -> usize {
        self.shape.iter().product()
    }

    /// A picture (C, H, W) in the order that it has in the array.
    ///
    /// # Panics
    /// If the picture has another number of pixels.
    pub fn in_array<T: Copy>(&self, picture: &[T]) -> Vec<T> {
        assert_eq!(picture.len(), self.volume());
        match self.channels_last {
            true => turned(picture, self.shape[0]),
            false => picture.to_vec(),
        }
    }
}

/// A matrix of so many rows, row by row, turned: column by column.
fn turned<T: Copy>(matrix: &[T], rows: usize) -> Vec<T> {
    let columns = matrix.len() / rows.max(1);
    let column = |column: usize| (0..rows).map(move |row| matrix[row * columns + column]);
    (0..columns).flat_map(column).collect()
}

/// Pictures in a file whose shape is known, and whose pixels have not been read yet: a PNG or JPEG picture, or an array of numpy.
#[derive(Debug)]
pub struct PictureFile {
    file: PathBuf,
    axes: PictureAxes,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Picture(Picture),
    Array(Numbers<File>),
}

impl PictureFile {
    /// The pictures in a file. What begins as an array does, or has the extension of one, is read as [`Numbers`] are; all else as a PNG or JPEG
    /// picture, upright, without transparency, of 8 bits a value, and in `colours`, or grey or RGB as it is.
    ///
    /// # Errors
    /// [`FileError::Unreadable`]; those of [`Numbers::open`]; [`FileError::Array`] for an array that has not [axes of
    /// pictures](PictureAxes); [`PictureError::Undecodable`](crate::PictureError::Undecodable) for what is no picture, or one of sides
    /// above 16,384 pixels or above 512 MiB.
    pub fn open(file: &Path, colours: Option<Colours>) -> Result<Self, DataError> {
        let (axes, source) = if is_array(file)? {
            let numbers = Numbers::open(file)?;
            let Some(axes) = PictureAxes::of(numbers.shape()) else {
                let shape = numbers.shape();
                return Err(DataError::File(FileError::Array {
                    file: file.to_owned(),
                    expected: "pictures [H, W], [H, W, C], [N, H, W], [N, C, H, W] or [N, H, W, C], where C is at most 4 and tells the axes apart",
                    found: format!("an array of shape {:?}", &shape[..shape.len().min(8)]),
                }));
            };
            (axes, Source::Array(numbers))
        } else {
            let picture = read_alone(file, colours)?;
            let [channels, height, width] = picture.shape;
            let array = match channels {
                1 => vec![height, width],
                _ => vec![height, width, channels],
            };
            let axes = PictureAxes {
                array,
                pictures: 1,
                shape: picture.shape,
                channels_last: channels > 1,
            };
            (axes, Source::Picture(picture))
        };
        let file = file.to_owned();
        Ok(Self { file, axes, source })
    }

    /// Where pictures, rows, columns and channels are; for a PNG or JPEG picture, in the array that `matplotlib` shows it from.
    pub fn axes(&self) -> &PictureAxes {
        &self.axes
    }

    /// The type of the numbers of an array; None for a PNG or JPEG picture.
    pub fn kind(&self) -> Option<Kind> {
        match &self.source {
            Source::Picture(_) => None,
            Source::Array(numbers) => Some(numbers.kind()),
        }
    }

    /// The pixels: of a PNG or JPEG picture, numbers from 0 to 1; of an array, its numbers.
    ///
    /// # Errors
    /// [`FileError::Unreadable`]; [`FileError::PixelValue`] for a number that is not finite; [`DataError::Memory`] for more pixels than there
    /// is room for.
    pub fn read<T: Float>(self) -> Result<PictureStack<T>, DataError> {
        let volume = self.axes.volume();
        let pixels = match self.source {
            Source::Picture(picture) => {
                let what = format!("the pixels of {}", self.file.display());
                check_memory(&what, bytes_of::<T>(&[volume]))?;
                let pixels = picture.pixels.iter();
                pixels
                    .map(|&pixel| T::nearest(f64::from(pixel) / 255.0))
                    .collect()
            }
            Source::Array(numbers) => {
                let mut pixels = numbers.read::<T>()?;
                if let Some(at) = pixels.iter().position(|pixel| !pixel.is_finite()) {
                    return Err(DataError::File(FileError::PixelValue {
                        file: self.file,
                        image: at / volume,
                        value: pixels[at].widened() as f32,
                    }));
                }
                if self.axes.channels_last {
                    for picture in pixels.chunks_exact_mut(volume) {
                        let plane = volume / self.axes.shape[0];
                        picture.copy_from_slice(&turned(picture, plane));
                    }
                }
                pixels
            }
        };
        Ok(PictureStack {
            axes: self.axes,
            pixels,
        })
    }
}

/// Whether a file begins as an array or an archive of one, or is named so.
fn is_array(file: &Path) -> Result<bool, FileError> {
    let extension = file.extension().unwrap_or_default();
    if ["npy", "npz"]
        .iter()
        .any(|name| extension.eq_ignore_ascii_case(name))
    {
        return Ok(true);
    }
    let begins = || {
        let mut opened = open_regular(file)?;
        let mut first = Vec::new();
        let archive = is_archive(&mut opened)?;
        opened.take(6).read_to_end(&mut first)?;
        Ok(archive || first == *b"\x93NUMPY")
    };
    begins().map_err(unreadable(file))
}

/// Pictures of one shape in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureStack<T> {
    axes: PictureAxes,
    /// N, C, H, W.
    pixels: Vec<T>,
}

impl<T> PictureStack<T> {
    /// Where pictures, rows, columns and channels are in the file.
    pub fn axes(&self) -> &PictureAxes {
        &self.axes
    }

    /// The pixels of all pictures, N, C, H, W.
    pub fn pixels(&self) -> &[T] {
        &self.pixels
    }

    /// The pixels of a picture, C, H, W.
    ///
    /// # Panics
    /// If there are not as many pictures.
    pub fn picture(&self, index: usize) -> &[T] {
        let volume = self.axes.volume();
        &self.pixels[index * volume..][..volume]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, shape: &[usize], fortran_order: bool) {
        let count: usize = shape.iter().product();
        let mut bytes = Kind::F8.head(shape, fortran_order);
        let numbers: Vec<f64> = (0..count).map(|at| at as f64).collect();
        f64::append(&numbers, &mut bytes);
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn axes_are_told_apart_or_refused() {
        for (array, pictures, shape) in [
            (&[5, 2][..], 1, [1, 5, 2]),
            (&[7, 5, 3], 1, [3, 7, 5]),
            (&[7, 5, 1], 1, [1, 7, 5]),
            (&[3, 7, 5], 3, [1, 7, 5]),
            (&[2, 3, 7, 5], 2, [3, 7, 5]),
            (&[2, 7, 5, 3], 2, [3, 7, 5]),
            (&[2, 5, 4, 3], 2, [3, 5, 4]),
        ] {
            let axes = PictureAxes::of(array).unwrap();
            assert_eq!((axes.pictures(), axes.shape()), (pictures, shape));
            assert_eq!(axes.array(), array);
        }
        for array in [
            &[][..],
            &[5],
            &[0, 5],
            &[5, 5, 0],
            &[0, 5, 5],
            // Both may be channels, and neither.
            &[2, 3, 7, 4],
            &[2, 16, 7, 5],
            &[1, 1, 1, 7, 5],
        ] {
            assert_eq!(PictureAxes::of(array), None, "{array:?}");
        }
    }

    /// The last axis counts 0, 1, 2, ... in every layout and order, and comes back as it was.
    #[test]
    fn arrays_of_any_layout_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let read = |shape: &[usize], fortran_order| {
            write(&path, shape, fortran_order);
            let file = PictureFile::open(&path, None).unwrap();
            assert_eq!(file.kind(), Some(Kind::F8));
            file.read::<f64>().unwrap()
        };
        let planar = read(&[2, 3, 7, 5], false);
        assert_eq!(planar.picture(1)[35 + 5 + 2], 105.0 + 35.0 + 5.0 + 2.0);
        assert_eq!(planar.axes().in_array(planar.picture(0)), planar.picture(0));
        for shape in [&[2, 7, 5, 3][..], &[7, 5, 3]] {
            let mixed = read(shape, false);
            // Channel 2 of the pixel (1, 4).
            assert_eq!(mixed.picture(0)[2 * 35 + 5 + 4], (9 * 3 + 2) as f64);
            let back = mixed.axes().in_array(mixed.picture(0));
            assert!(
                back.iter()
                    .enumerate()
                    .all(|(at, &value)| value == at as f64)
            );
        }
        let fortran = read(&[7, 5], true);
        assert_eq!(fortran.picture(0)[1], 7.0);
    }

    #[test]
    fn pictures_are_numbers_from_0_to_1() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let mut picture = image::RgbaImage::from_pixel(3, 2, image::Rgba([0, 51, 255, 7]));
        picture.put_pixel(2, 1, image::Rgba([102, 0, 0, 255]));
        picture
            .save_with_format(&path, image::ImageFormat::Png)
            .unwrap();
        let file = PictureFile::open(&path, None).unwrap();
        assert_eq!((file.axes().array(), file.kind()), (&[2, 3, 3][..], None));
        let stack = file.read::<f64>().unwrap();
        assert_eq!((stack.picture(0)[0], stack.picture(0)[5]), (0.0, 0.4));
        assert_eq!((stack.picture(0)[6], stack.picture(0)[12]), (0.2, 1.0));
        assert_eq!(
            stack.axes().in_array(stack.picture(0))[..3],
            [0.0, 0.2, 1.0]
        );
        let grey = PictureFile::open(&path, Some(Colours::Grey)).unwrap();
        assert_eq!(grey.axes().array(), [2, 3]);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let says = |path: &Path| {
            let read = PictureFile::open(path, None).and_then(PictureFile::read::<f32>);
            read.unwrap_err().to_string()
        };
        write(&path, &[2, 3, 7, 4], false);
        assert!(says(&path).contains("but holds an array of shape [2, 3, 7, 4]"));
        let mut bytes = Kind::F4.head(&[2, 3, 5], false);
        let mut numbers = [0.0_f32; 30];
        numbers[17] = f32::NAN;
        f32::append(&numbers, &mut bytes);
        std::fs::write(&path, bytes).unwrap();
        assert!(says(&path).contains("finite pixels, but image 1 has a pixel of NaN"));
        let path = folder.path().join("x.png");
        std::fs::write(&path, b"\x89PNG and no more").unwrap();
        assert!(says(&path).contains("whole PNG or JPEG picture"));
        assert!(says(&folder.path().join("none.png")).contains("none.png"));
    }
}
