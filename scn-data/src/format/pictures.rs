//! Folders of PNG and JPEG pictures, sorted by class.
//!
//! ```text
//! folder/train/CLASS/*.png, *.jpg, *.jpeg
//! folder/test/CLASS/...                       the same classes
//! ```
//!
//! or `folder/CLASS/...`, of which a share is set apart to test on.
//!
//! The classes are the names of the folders in sorted order, the pictures of a class come in the
//! order of their file names, and hidden files (`.name`) are passed over. Pictures are decoded by
//! the crate `image`: 16 bits a value are rounded to 8, transparency is dropped, and they are
//! turned and mirrored as their Exif orientation asks. Whether a file is PNG or JPEG is decided by
//! its first bytes, not its name.
//!
//! [`PictureFile`] reads one picture, or an array of pictures, as numbers.
//!
//! This module needs the feature `pictures`, which is on by default.

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

/// Pictures that are decoded at a time, on all threads.
const TOGETHER: usize = 256;

/// Training and test images of the folders `train` and `test` in `folder`.
///
/// `config` brings all pictures to one size and one kind of channels. Without a size, all must have
/// that of the first of `train`; without channels, all must be grey or all coloured, as the first
/// is.
///
/// # Errors
/// [`PictureError::UnreadableFolder`]; [`PictureError::NoHalves`] if one of the two is not there;
/// [`PictureError::NotClassFolder`] for a file beside the folders of the classes,
/// [`PictureError::TooFewClasses`], [`PictureError::ClassFolders`] if `train` and `test` differ in
/// these, [`PictureError::EmptyClass`] for a class without a training picture,
/// [`PictureError::NoPictures`], [`PictureError::Extension`],
/// [`FileError::Unreadable`](crate::FileError::Unreadable), those of [`picture`],
/// [`PictureError::Size`] and [`PictureError::Channels`] for the first picture that differs,
/// [`ImageError::Classes`] for too many classes, [`DataError::Memory`] for too many pictures.
pub fn open(folder: &Path, config: &PictureConfig) -> Result<(ImageSet, ImageSet), DataError> {
    let [train_folder, test_folder] = ["train", "test"].map(|half| folder.join(half));
    // What is wrong with the folder itself comes first.
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

/// Training and test images of a folder that holds the folders of the classes itself: `share` of
/// each class is set apart to test on, as [`split`] draws it by `seed`. The rest as for [`open`].
///
/// # Errors
/// Those of [`open`] and [`split`]; [`PictureError::Halves`] if the folder holds `train` and `test`.
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

/// All images of a folder that holds the folders of the classes itself, to judge a network by: a
/// class may be without pictures. The rest as for [`open`].
///
/// # Errors
/// Those of [`open`] but for [`PictureError::NoHalves`] and [`PictureError::EmptyClass`].
pub fn open_whole(folder: &Path, config: &PictureConfig) -> Result<ImageSet, DataError> {
    Reader::new(config).images(folder, &classes(folder)?, false)
}

/// Reads pictures of one shape: the first sets it.
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

    /// The images in the folders of the classes, each of which must have one if it is `to_learn`.
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
            // All results of the chunk, so that the error is that of the first file, whatever the
            // threads.
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
                        check_memory(&format!("the pictures of {}", folder.display()), all)?;
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

/// The picture in `file`, if its name says that it is one.
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

/// That the picture in `file` has the shape `expected`.
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

/// The names of the folders in `folder`, sorted: two or more.
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

/// The names of what is in `folder` and not hidden, sorted.
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
