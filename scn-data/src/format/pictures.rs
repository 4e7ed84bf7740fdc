//! Folders of PNG and JPEG pictures, sorted by class.
//!
//! ```text
//! folder/train/CLASS/*.png, *.jpg, *.jpeg
//! folder/test/CLASS/...                       the same classes
//! ```
//!
//! The classes are the names of the folders in sorted order, the pictures of a class come in the
//! order of their file names, and hidden files (`.name`) are passed over. Pictures are decoded by
//! the crate `image`: 16 bits a value are rounded to 8, transparency is dropped, and they are
//! turned and mirrored as their Exif orientation asks. Whether a file is PNG or JPEG is decided by
//! its first bytes, not its name.
//!
//! This module needs the feature `pictures`, which is on by default.

mod decode;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub use self::decode::{Colours, LARGEST_DECODED, LARGEST_SIDE, Picture, picture, read_scaled};
use crate::error::{DataError, FileError, ImageError, PictureError};
use crate::images::ImageSet;

/// Training and test images of the folders `train` and `test` in `folder`.
///
/// All pictures must have the size of the first of `train`. With `colours` they are brought to
/// these; without, all must be grey or all RGB, as the first is.
///
/// # Errors
/// [`PictureError::UnreadableFolder`], [`PictureError::NotClassFolder`] for a file beside the
/// folders of the classes, [`PictureError::ClassFolders`] if `train` and `test` differ in these,
/// [`PictureError::NoPictures`], [`PictureError::Extension`], [`FileError::Unreadable`], those of
/// [`picture`], [`FileError::PictureSize`] and [`PictureError::Channels`] for the first picture
/// that differs, [`ImageError::Classes`] for too many classes.
pub fn open(folder: &Path, colours: Option<Colours>) -> Result<(ImageSet, ImageSet), DataError> {
    let (train_folder, test_folder) = (folder.join("train"), folder.join("test"));
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
    let mut shape = None;
    let train = images(&train_folder, &classes, colours, &mut shape)?;
    let test = images(&test_folder, &classes, colours, &mut shape)?;
    Ok((train, test))
}

/// The images of one half; the first picture of all sets `shape`.
fn images(
    folder: &Path,
    classes: &[OsString],
    colours: Option<Colours>,
    shape: &mut Option<[usize; 3]>,
) -> Result<ImageSet, DataError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (class, name) in classes.iter().enumerate() {
        let label = u16::try_from(class).map_err(|_| ImageError::Classes {
            found: classes.len(),
        })?;
        let class_folder = folder.join(name);
        for name in entries(&class_folder)? {
            let file = class_folder.join(name);
            let picture = read(&file, colours)?;
            check_alike(&file, *shape.get_or_insert(picture.shape), picture.shape)?;
            pixels.extend_from_slice(&picture.pixels);
            labels.push(label);
        }
    }
    let shape = shape
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

/// The picture in `file`, if its name says that it is one.
fn read(file: &Path, colours: Option<Colours>) -> Result<Picture, DataError> {
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    if !["png", "jpg", "jpeg"].contains(&extension.to_lowercase().as_str()) {
        let (file, found) = (file.to_owned(), extension.into_owned());
        return Err(PictureError::Extension { file, found }.into());
    }
    decode::read(file, colours)
}

/// That the picture in `file` has the shape `expected`.
fn check_alike(file: &Path, expected: [usize; 3], found: [usize; 3]) -> Result<(), DataError> {
    let file = || file.to_owned();
    if found[0] != expected[0] {
        let error = PictureError::Channels {
            file: file(),
            expected: expected[0],
            found: found[0],
        };
        return Err(error.into());
    }
    if found != expected {
        let error = FileError::PictureSize {
            file: file(),
            expected: [expected[1], expected[2]],
            found: [found[1], found[2]],
        };
        return Err(error.into());
    }
    Ok(())
}

/// The names of the folders in `folder`, sorted.
fn classes(folder: &Path) -> Result<Vec<OsString>, PictureError> {
    let names = entries(folder)?;
    let path = |name: &OsString| -> PathBuf { folder.join(name) };
    match names.iter().find(|name| !path(name).is_dir()) {
        Some(name) => Err(PictureError::NotClassFolder { file: path(name) }),
        None => Ok(names),
    }
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
