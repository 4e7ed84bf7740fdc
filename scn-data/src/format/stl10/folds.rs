//! The ten predefined folds of the training images: `fold_indices.txt`.

use std::collections::HashSet;
use std::path::Path;

use crate::dataset_name::DatasetName;
use crate::error::{DataError, FileError};
use crate::folder::Folder;
use crate::format::Contents;

const FOLDS: usize = 10;

/// Returns the folds in a file of ten lines, each of which lists the indices of its images.
///
/// Indices are counted from 0 and separated by spaces. `images` is the number of training images,
/// 5,000 in the official archive; a fold there has 1,000 of them, and folds may overlap.
/// [`ImageSet::subset`](crate::ImageSet::subset) makes a set of images from a fold. Blank lines at
/// the end are allowed.
///
/// # Errors
/// Returns [`FileError::Text`] if the file is not UTF-8, [`FileError::Folds`] if it does not have
/// ten lines with indices, [`FileError::FoldIndex`] if an entry is not an index below `images`, and
/// [`FileError::FoldRepeats`] if an image is twice in a fold.
pub fn folds(contents: Contents<'_>, images: usize) -> Result<Vec<Vec<usize>>, DataError> {
    let lines: Vec<&str> = contents.text()?.trim_end().lines().collect();
    let found = lines.iter().filter(|line| !line.trim().is_empty()).count();
    if found != FOLDS || lines.len() != FOLDS {
        return Err(FileError::Folds {
            file: contents.file.to_owned(),
            expected: FOLDS,
            found,
        }
        .into());
    }
    lines
        .iter()
        .enumerate()
        .map(|(fold, line)| Ok(indices(contents, fold, line, images)?))
        .collect()
}

/// Reads the folds of the training images in the folder `stl10_binary` inside `data`.
///
/// ```no_run
/// use std::path::Path;
/// use scn_data::{DatasetName, format::stl10};
///
/// let data = Path::new("data");
/// let train = scn_data::open(DatasetName::Stl10, data)?.train;
/// let folds = stl10::open_folds(data, train.len())?;
/// let first = train.subset(&folds[0])?;
/// assert_eq!(first.len(), 1000);
/// # Ok::<(), scn_data::DataError>(())
/// ```
///
/// # Errors
/// Returns [`FileError::Missing`] if the file does not exist, [`FileError::Unreadable`] if it
/// cannot be read, and the errors of [`folds`].
pub fn open_folds(data: &Path, images: usize) -> Result<Vec<Vec<usize>>, DataError> {
    let (file, bytes) = Folder::new(DatasetName::Stl10, data).read(&["fold_indices.txt"])?;
    folds(Contents::new(&bytes, &file), images)
}

/// Parses the indices of one line.
fn indices(
    contents: Contents<'_>,
    fold: usize,
    line: &str,
    images: usize,
) -> Result<Vec<usize>, FileError> {
    let file = || contents.file.to_owned();
    let (mut indices, mut seen) = (Vec::new(), HashSet::new());
    for word in line.split_whitespace() {
        let index = word
            .parse()
            .ok()
            .filter(|&index| index < images)
            .ok_or_else(|| FileError::FoldIndex {
                file: file(),
                fold,
                images,
                // A file of a different kind may be a single word of any length.
                found: word.chars().take(24).collect(),
            })?;
        if !seen.insert(index) {
            return Err(FileError::FoldRepeats {
                file: file(),
                fold,
                index,
            });
        }
        indices.push(index);
    }
    Ok(indices)
}
