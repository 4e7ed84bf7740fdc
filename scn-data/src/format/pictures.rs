//! Folders of PNG and JPEG files, sorted by class.
//!
//! ```text
//! folder/train/CLASS/*.png, *.jpg, *.jpeg
//! folder/test/CLASS/...                       the same classes
//! ```
//!
//! or `folder/CLASS/...`, of which a fraction is set apart for testing.
//!
//! The classes are the names of the folders in sorted order. The images of a class are in the order
//! of their file names, and hidden files (`.name`) are skipped. Files are decoded by the crate
//! `image`: 16-bit values are rounded to 8 bits, transparency is dropped, and images are rotated
//! and mirrored according to their Exif orientation. Whether a file is PNG or JPEG is detected by
//! its first bytes, not by its name.
//!
//! [`PictureFile`] reads one image, or an array of images, as numbers.
//!
//! This module requires the feature `pictures`, which is enabled by default.

mod decode;
mod stack;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rayon::prelude::*;

pub use self::decode::{LARGEST_DECODED, LARGEST_SIDE, Picture, picture, read_scaled};
pub use self::stack::{PictureAxes, PictureFile, PictureStack};
use crate::error::{DataError, ImageError, PictureError};
use crate::images::ImageSet;
use crate::memory::{bytes_of, check_memory};
use crate::picture_config::PictureConfig;
use crate::split::{Part, split};

/// Number of files decoded at a time, by all threads.
const TOGETHER: usize = 256;

/// Reads the training and test images in the folders `train` and `test` in `folder`.
///
/// `config` brings all images to one size and to the same channels. Without a size, all images must
/// have the size of the first one in `train`. Without channels, all must be grey or all coloured,
/// like the first one.
///
/// # Errors
/// Returns
/// - [`PictureError::UnreadableFolder`] if a folder cannot be listed;
/// - [`PictureError::NoHalves`] if `train` or `test` does not exist;
/// - [`PictureError::NotClassFolder`] if there is a file among the folders of the classes;
/// - [`PictureError::TooFewClasses`] if there are fewer than two classes;
/// - [`PictureError::ClassFolders`] if the classes of `train` and `test` differ;
/// - [`PictureError::EmptyClass`] if a class has no training image;
/// - [`PictureError::NoPictures`] if there are no images;
/// - [`PictureError::Extension`] if a file does not have the extension of an image file;
/// - [`FileError::Unreadable`](crate::FileError::Unreadable) if a file cannot be read;
/// - the errors of [`picture`];
/// - [`PictureError::Size`] or [`PictureError::Channels`] for the first image that differs;
/// - [`ImageError::Classes`] if there are too many classes;
/// - [`DataError::Memory`] if the images do not fit in memory.
pub fn open(folder: &Path, config: &PictureConfig) -> Result<(ImageSet, ImageSet), DataError> {
    let [train_folder, test_folder] = ["train", "test"].map(|half| folder.join(half));
    // Errors of the folder itself come first.
    entries(folder)?;
    let there = [&train_folder, &test_folder].map(|half| half.is_dir());
    if there != [true; 2] {
        let found = ["train", "test"].into_iter().zip(there);
        let found = found
            .filter(|(_, there)| *there)
            .map(|(name, _)| name.to_owned())
            .next();
        let folder = folder.to_owned();
        return Err(PictureError::NoHalves { folder, found }.into());
    }
    let classes = classes(&train_folder)?;
    let test_classes = self::classes(&test_folder)?;
    let in_one = |name: &&OsString| !(classes.contains(name) && test_classes.contains(name));
    if let Some(class) = classes.iter().chain(&test_classes).find(in_one) {
        let class = class.to_string_lossy().into_owned();
        let error = PictureError::ClassFolders {
            train_folder,
            test_folder,
            class,
        };
        return Err(error.into());
    }
    let mut reader = Reader::new(config);
    let train = reader.images(&train_folder, &classes, true)?;
    let test = reader.images(&test_folder, &classes, false)?;
    Ok((train, test))
}

/// Reads the training and test images of a folder that holds the folders of the classes itself.
///
/// A fraction `share` of each class is set apart for testing, drawn by `seed` as in [`split`].
/// Otherwise this is the same as [`open`].
///
/// # Errors
/// Returns the errors of [`open`] and [`split`], and [`PictureError::Halves`] if the folder holds
/// `train` and `test`.
///
/// # Example
///
/// ```
/// use scn_data::{PictureConfig, format::pictures};
///
/// // Two folders of two grey images.
/// let folder = tempfile::tempdir()?;
/// for (class, grey) in [("day", 255), ("night", 0)] {
///     std::fs::create_dir(folder.path().join(class))?;
///     for name in ["1.png", "2.png"] {
///         let picture = image::GrayImage::from_pixel(8, 6, image::Luma([grey]));
///         picture.save(folder.path().join(class).join(name))?;
///     }
/// }
/// let config = PictureConfig::default();
/// let (train, test) = pictures::open_parted(folder.path(), &config, 0.5, 7)?;
/// assert_eq!((train.class_names()[1].as_str(), train.shape()), ("night", [1, 6, 8]));
/// assert_eq!((train.labels(), test.labels()), (&[0, 1][..], &[0, 1][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open_parted(
    folder: &Path,
    config: &PictureConfig,
    share: f64,
    seed: u64,
) -> Result<(ImageSet, ImageSet), DataError> {
    let classes = classes(folder)?;
    if classes == ["test", "train"] {
        let folder = folder.to_owned();
        return Err(PictureError::Halves { folder }.into());
    }
    let images = Reader::new(config).images(folder, &classes, true)?;
    split(&images, share, seed, Part::Test)
}

/// Reads all images of a folder that holds the folders of the classes itself, to evaluate a
/// network.
///
/// A class may have no images. Otherwise this is the same as [`open`].
///
/// # Errors
/// Same as [`open`], except for [`PictureError::NoHalves`] and [`PictureError::EmptyClass`].
pub fn open_whole(folder: &Path, config: &PictureConfig) -> Result<ImageSet, DataError> {
    Reader::new(config).images(folder, &classes(folder)?, false)
}

/// A reader of images of one shape, which is that of the first image.
struct Reader<'a> {
    config: &'a PictureConfig,
    shape: Option<[usize; 3]>,
}

impl<'a> Reader<'a> {
    fn new(config: &'a PictureConfig) -> Self {
        Self {
            config,
            shape: None,
        }
    }

    /// Reads the images in the folders of the classes. If `to_learn`, each class must have an
    /// image.
    fn images(
        &mut self,
        folder: &Path,
        classes: &[OsString],
        to_learn: bool,
    ) -> Result<ImageSet, DataError> {
        let (mut files, mut labels) = (Vec::new(), Vec::new());
        for (class, name) in classes.iter().enumerate() {
            let label = u16::try_from(class).map_err(|_| ImageError::Classes {
                found: classes.len(),
            })?;
            let class_folder = folder.join(name);
            let names = entries(&class_folder)?;
            if names.is_empty() && to_learn {
                let folder = class_folder;
                return Err(PictureError::EmptyClass { folder }.into());
            }
            labels.extend(std::iter::repeat_n(label, names.len()));
            files.extend(names.into_iter().map(|name| class_folder.join(name)));
        }
        let mut pixels = Vec::new();
        for files in files.chunks(TOGETHER) {
            // All results of the chunk are collected, so that the error is that of the first file,
            // whatever the threads do.
            let pictures: Vec<_> = files
                .par_iter()
                .map(|file| read(file, self.config))
                .collect();
            for (file, picture) in files.iter().zip(pictures) {
                let picture = picture?;
                let shape = match self.shape {
                    Some(shape) => shape,
                    None => {
                        let size = bytes_of::<u8>(&picture.shape);
                        let all = size.saturating_mul(labels.len() as u64);
                        check_memory(&format!("the images of {}", folder.display()), all)?;
                        *self.shape.insert(picture.shape)
                    }
                };
                check_alike(file, shape, picture.shape)?;
                pixels.extend_from_slice(&picture.pixels);
            }
        }
        let shape =
            self.shape
                .filter(|_| !labels.is_empty())
                .ok_or_else(|| PictureError::NoPictures {
                    folder: folder.to_owned(),
                })?;
        let names: Vec<String> = classes
            .iter()
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        ImageSet::new(pixels, shape, labels, names, u8::MAX)
    }
}

/// Reads the image in `file`, if its extension is that of an image file.
fn read(file: &Path, config: &PictureConfig) -> Result<Picture, DataError> {
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    if !["png", "jpg", "jpeg"].contains(&extension.to_lowercase().as_str()) {
        let (file, found) = (file.to_owned(), extension.into_owned());
        return Err(PictureError::Extension { file, found }.into());
    }
    match config.size {
        None => decode::read(file, config.colours),
        Some(size) => decode::read_fitted(file, config.colours, size, config.fit),
    }
}

/// Checks that the image in `file` has the shape `expected`.
fn check_alike(file: &Path, expected: [usize; 3], found: [usize; 3]) -> Result<(), PictureError> {
    let file = || file.to_owned();
    if found[0] != expected[0] {
        return Err(PictureError::Channels {
            file: file(),
            expected: expected[0],
            found: found[0],
        });
    }
    if found != expected {
        return Err(PictureError::Size {
            file: file(),
            expected: [expected[1], expected[2]],
            found: [found[1], found[2]],
        });
    }
    Ok(())
}

/// Returns the sorted names of the folders in `folder`, of which there must be two or more.
fn classes(folder: &Path) -> Result<Vec<OsString>, PictureError> {
    let names = entries(folder)?;
    let path = |name: &OsString| -> PathBuf { folder.join(name) };
    if let Some(name) = names.iter().find(|name| !path(name).is_dir()) {
        return Err(PictureError::NotClassFolder { file: path(name) });
    }
    if names.len() < 2 {
        let class = names.first();
        return Err(PictureError::TooFewClasses {
            folder: folder.to_owned(),
            class: class.map(|name| name.to_string_lossy().into_owned()),
        });
    }
    Ok(names)
}

/// Returns the sorted names of the entries of `folder` that are not hidden.
fn entries(folder: &Path) -> Result<Vec<OsString>, PictureError> {
    let list = || -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    };
    let mut names = list().map_err(|source| PictureError::UnreadableFolder {
        folder: folder.to_owned(),
        source,
    })?;
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort();
    Ok(names)
}
