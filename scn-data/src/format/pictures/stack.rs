//! One image, or images of one shape, as numbers.

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

/// Largest number of channels along an axis of an array.
const CHANNELS: usize = 4;

/// The roles of the axes of an array of images: images, rows, columns and channels.
///
/// | shape | images |
/// |---|---|
/// | `[H, W]` | one, grey |
/// | `[H, W, C]`, C up to 4 | one |
/// | `[N, H, W]`, W above 4 | grey |
/// | `[N, C, H, W]`, C up to 4, W above 4 | |
/// | `[N, H, W, C]`, C up to 4, H above 4 | |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureAxes {
    array: Vec<usize>,
    pictures: usize,
    shape: [usize; 3],
    channels_last: bool,
}

impl PictureAxes {
    /// Returns the axes of an array of this shape, or `None` if not exactly one row of the table
    /// fits.
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

    /// Returns the shape of the array.
    pub fn array(&self) -> &[usize] {
        &self.array
    }

    /// Returns the number of images.
    pub fn pictures(&self) -> usize {
        self.pictures
    }

    /// Returns the channels, height and width of each image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Number of pixels of each image, over all channels.
    fn volume(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns an image (C, H, W) in the order of the array.
    ///
    /// # Panics
    /// Panics if the image has a different number of pixels.
    pub fn in_array<T: Copy>(&self, picture: &[T]) -> Vec<T> {
        assert_eq!(picture.len(), self.volume());
        match self.channels_last {
            true => turned(picture, self.shape[0]),
            false => picture.to_vec(),
        }
    }
}

/// Transposes a matrix with `rows` rows, stored row by row.
fn turned<T: Copy>(matrix: &[T], rows: usize) -> Vec<T> {
    let columns = matrix.len() / rows.max(1);
    let column = |column: usize| (0..rows).map(move |row| matrix[row * columns + column]);
    (0..columns).flat_map(column).collect()
}

/// The images in a file, of known shape: a PNG or JPEG file, or a numpy array whose numbers have
/// not been read yet.
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
    /// Opens the images in a file.
    ///
    /// A file that starts like an array, or has the extension of one, is read as [`Numbers`]. Any
    /// other file is read as a PNG or JPEG file: upright, without transparency, with 8 bits per
    /// value, and in `colours`, or grey or RGB as in the file.
    ///
    /// # Errors
    /// Returns [`FileError::Unreadable`] if the file cannot be read; the errors of
    /// [`Numbers::open`]; [`FileError::Array`] if an array does not have the [axes of
    /// images](PictureAxes); and [`PictureError::Undecodable`](crate::PictureError::Undecodable) if
    /// the file is not an image, or has a side above 16,384 pixels or more than 512 MiB.
    pub fn open(file: &Path, colours: Option<Colours>) -> Result<Self, DataError> {
        let (axes, source) = if is_array(file)? {
            let numbers = Numbers::open(file)?;
            let Some(axes) = PictureAxes::of(numbers.shape()) else {
                let shape = numbers.shape();
                return Err(DataError::File(FileError::Array {
                    file: file.to_owned(),
                    expected: "images [H, W], [H, W, C], [N, H, W], [N, C, H, W] or [N, H, W, C], where C is at most 4 and determines the axes",
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

    /// Returns the axes of the array. A PNG or JPEG file has those of the array that `matplotlib`
    /// shows.
    pub fn axes(&self) -> &PictureAxes {
        &self.axes
    }

    /// Returns the type of the numbers of an array, or `None` for a PNG or JPEG file.
    pub fn kind(&self) -> Option<Kind> {
        match &self.source {
            Source::Picture(_) => None,
            Source::Array(numbers) => Some(numbers.kind()),
        }
    }

    /// Reads the pixels: numbers from 0 to 1 for a PNG or JPEG file, unchanged numbers for an
    /// array.
    ///
    /// # Errors
    /// Returns [`FileError::Unreadable`] if the file cannot be read, [`FileError::PixelValue`] if a
    /// number is not finite, and [`DataError::Memory`] if the pixels do not fit in memory.
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

/// Whether a file starts like an array or an archive, or has the extension of one.
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

/// Images of one shape in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureStack<T> {
    axes: PictureAxes,
    /// N, C, H, W.
    pixels: Vec<T>,
}

impl<T> PictureStack<T> {
    /// Returns the axes of the array in the file.
    pub fn axes(&self) -> &PictureAxes {
        &self.axes
    }

    /// Returns the pixels of all images, N, C, H, W.
    pub fn pixels(&self) -> &[T] {
        &self.pixels
    }

    /// Returns the pixels of an image, C, H, W.
    ///
    /// # Panics
    /// Panics if `index` is not below the number of images.
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
            // Both axes may be channels, or neither.
            &[2, 3, 7, 4],
            &[2, 16, 7, 5],
            &[1, 1, 1, 7, 5],
        ] {
            assert_eq!(PictureAxes::of(array), None, "{array:?}");
        }
    }

    /// Arrays that hold 0, 1, 2, ... are read in every layout and order, and are restored by
    /// `in_array`.
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
        assert!(says(&path).contains("complete PNG or JPEG file"));
        assert!(says(&folder.path().join("none.png")).contains("none.png"));
    }
}
