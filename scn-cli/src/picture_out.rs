//! Image files that are written one image at a time.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use scn_data::bytes_of;
use scn_data::format::npy::{Float, Kind};
use scn_data::format::pictures::PictureAxes;

use crate::watched_file::WatchedFile;
use crate::whole_file;

/// The format of an output file for images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureForm {
    /// A single image of 8 bits per value. Values are clipped to [0, 1] and rounded.
    Png,
    /// An array of any number of images.
    Npy,
}

impl PictureForm {
    /// Returns the format that a file name asks for, or an error if the format cannot hold these
    /// images. `kind` is the type of the array that they were read from, or None for a PNG or JPEG
    /// file.
    pub(crate) fn of(path: &Path, axes: &PictureAxes, kind: Option<Kind>) -> Result<Self> {
        let extension = path.extension().unwrap_or_default();
        let is = |name| extension.eq_ignore_ascii_case(name);
        let refused = |found: String| {
            bail!(
                "{}: expected a name that ends in .npy, found {found}",
                path.display()
            )
        };
        if is("npy") {
            return Ok(Self::Npy);
        }
        if !is("png") {
            bail!(
                "{}: expected a name that ends in .png or .npy, found a different one",
                path.display()
            );
        }
        let [channels, ..] = axes.shape();
        if axes.pictures() != 1 {
            return refused(format!(".png for {} images", axes.pictures()));
        }
        if ![1, 3].contains(&channels) {
            return refused(format!(".png for {channels} channels"));
        }
        if kind.is_some_and(Kind::is_integer) {
            return refused(".png for integers, which are not from 0 to 1".to_string());
        }
        Ok(Self::Png)
    }
}

/// An output file for images. It appears under its name only when it is [finished](Self::finish).
pub(crate) struct PictureOut<T> {
    path: PathBuf,
    axes: PictureAxes,
    place: Place,
    numbers: std::marker::PhantomData<T>,
}

enum Place {
    Array {
        file: WatchedFile,
        start: u64,
    },
    /// The values of the image, in the order of the file.
    Picture(Vec<u8>),
}

impl<T: Float> PictureOut<T> {
    /// Creates a file for images with these axes.
    pub(crate) fn create(path: &Path, form: PictureForm, axes: &PictureAxes) -> Result<Self> {
        let place = match form {
            PictureForm::Png => Place::Picture(Vec::new()),
            PictureForm::Npy => {
                let head = T::KIND.head(axes.array(), false);
                let start = head.len() as u64;
                let length = bytes_of::<T>(axes.array()).saturating_add(start);
                let create = || {
                    let mut file = WatchedFile::create(path, length)?;
                    file.write_at(&head, 0)?;
                    std::io::Result::Ok(file)
                };
                let file = create().with_context(|| cannot_write(path))?;
                Place::Array { file, start }
            }
        };
        Ok(Self {
            path: path.to_owned(),
            axes: axes.clone(),
            place,
            numbers: std::marker::PhantomData,
        })
    }

    /// Writes an image (C, H, W), and replaces its values by those stored in the file.
    pub(crate) fn write(&mut self, index: usize, picture: &mut [f64]) -> Result<()> {
        match &mut self.place {
            Place::Picture(values) => {
                for number in &mut *picture {
                    *number = (255.0 * number.clamp(0.0, 1.0)).round() / 255.0;
                }
                let bytes = self.axes.in_array(picture).into_iter();
                *values = bytes.map(|number| (255.0 * number).round() as u8).collect();
            }
            Place::Array { file, start } => {
                let numbers: Vec<T> = picture.iter().map(|&number| T::nearest(number)).collect();
                for (number, written) in picture.iter_mut().zip(&numbers) {
                    *number = written.widened();
                }
                let mut bytes = Vec::new();
                T::append(&self.axes.in_array(&numbers), &mut bytes);
                let place = *start + (index * bytes.len()) as u64;
                file.write_at(&bytes, place)
                    .with_context(|| cannot_write(&self.path))?;
            }
        }
        Ok(())
    }

    /// Completes the file and moves it into place.
    pub(crate) fn finish(self) -> Result<()> {
        match self.place {
            Place::Array { file, .. } => file.finish().with_context(|| cannot_write(&self.path)),
            Place::Picture(values) => {
                let png = png(self.axes.shape(), values)?;
                whole_file::write(&self.path, |out| out.write_all(&png))
            }
        }
    }
}

/// Encodes an image of one or three channels, in the order H, W, C, as PNG.
fn png([channels, height, width]: [usize; 3], values: Vec<u8>) -> Result<Vec<u8>> {
    let (wide, high) = (u32::try_from(width)?, u32::try_from(height)?);
    let picture = match channels {
        1 => GrayImage::from_raw(wide, high, values).map(DynamicImage::from),
        _ => RgbImage::from_raw(wide, high, values).map(DynamicImage::from),
    };
    let picture = picture.context("values of the image are missing")?;
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    Ok(png.into_inner())
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

#[cfg(test)]
mod tests {
    use scn_data::format::npy::Numbers;

    use super::*;

    #[test]
    fn numbers_are_brought_to_what_a_png_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        let axes = PictureAxes::of(&[1, 2, 3]).unwrap();
        let form = PictureForm::of(&path, &axes, None).unwrap();
        let mut out = PictureOut::<f32>::create(&path, form, &axes).unwrap();
        // The red, green and blue values of two pixels.
        let mut picture = [-0.5, 1.5, 0.2, 0.4, 100.4 / 255.0, 100.6 / 255.0];
        out.write(0, &mut picture).unwrap();
        assert!(!path.exists());
        out.finish().unwrap();
        let found = image::open(&path).unwrap();
        assert_eq!(found.as_bytes(), [0, 51, 100, 255, 102, 101]);
        let written = [
            0.0,
            1.0,
            51.0 / 255.0,
            102.0 / 255.0,
            100.0 / 255.0,
            101.0 / 255.0,
        ];
        assert_eq!(picture, written);
    }

    #[test]
    fn arrays_have_the_shape_of_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("y.npy");
        let axes = PictureAxes::of(&[2, 5, 1, 2]).unwrap();
        let form = PictureForm::of(&path, &axes, Some(Kind::U1)).unwrap();
        let mut out = PictureOut::<f32>::create(&path, form, &axes).unwrap();
        for index in [1, 0] {
            let mut picture: Vec<f64> = (0..10).map(|at| f64::from(at) + 0.1).collect();
            out.write(index, &mut picture).unwrap();
            assert_eq!(picture[1], f64::from(1.1_f32));
        }
        out.finish().unwrap();
        let numbers = Numbers::open(&path).unwrap();
        assert_eq!(numbers.shape(), [2, 5, 1, 2]);
        let numbers = numbers.read::<f32>().unwrap();
        assert_eq!(numbers[..4], [0.1, 5.1, 1.1, 6.1]);
        assert_eq!(numbers[..10], numbers[10..]);
    }

    #[test]
    fn names_and_pictures_have_to_fit() {
        let form = |name: &str, array: &[usize], kind| {
            let axes = PictureAxes::of(array).unwrap();
            PictureForm::of(Path::new(name), &axes, kind).map_err(|error| error.to_string())
        };
        assert_eq!(form("y.PNG", &[8, 8], Some(Kind::F4)), Ok(PictureForm::Png));
        for (name, array, kind, says) in [
            ("y.jpg", &[8, 8][..], None, "ends in .png or .npy"),
            ("y.png", &[2, 8, 8], Some(Kind::F4), ".png for 2 images"),
            ("y.png", &[8, 8, 4], Some(Kind::F4), ".png for 4 channels"),
            ("y.png", &[8, 8], Some(Kind::U1), ".png for integers"),
        ] {
            assert!(form(name, array, kind).unwrap_err().contains(says));
        }
    }
}
