//! Lists of class names: text with one name per line.

use super::Contents;
use crate::error::{DataError, FileError};
use crate::folder::Folder;

/// Reads the names of `classes` classes from a file with one name per line.
///
/// Blank lines at the end are allowed.
///
/// # Errors
/// Returns [`FileError::Text`] if the file is not UTF-8, and [`FileError::ClassNames`] if it does
/// not have `classes` names.
pub fn parse(contents: Contents<'_>, classes: usize) -> Result<Vec<String>, DataError> {
    let names: Vec<String> = contents
        .text()?
        .trim_end()
        .lines()
        .map(|line| line.trim().to_owned())
        .collect();
    let found = names.iter().filter(|name| !name.is_empty()).count();
    if found == classes && names.len() == classes {
        Ok(names)
    } else {
        Err(DataError::from(FileError::ClassNames {
            file: contents.file.to_owned(),
            expected: classes,
            found,
        }))
    }
}

/// Reads the names in the file `name`, or returns `known` if it does not exist.
pub(crate) fn read_or(
    folder: &Folder,
    name: &str,
    known: Vec<String>,
) -> Result<Vec<String>, DataError> {
    match folder.read_if_there(name)? {
        Some((file, bytes)) => parse(Contents::new(&bytes, &file), known.len()),
        None => Ok(known),
    }
}

/// The names "0", "1", ... of classes that are numbers, or whose names are unknown.
pub(crate) fn numbers(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

pub(crate) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn names(text: &[u8]) -> Result<Vec<String>, DataError> {
        parse(Contents::new(text, Path::new("names.txt")), 2)
    }

    #[test]
    fn line_ends_and_trailing_blank_lines_do_not_count() {
        for text in [
            "cat\ndog",
            "cat\ndog\n",
            "cat\r\ndog\r\n\r\n",
            "cat \ndog\n\n \n",
        ] {
            assert_eq!(names(text.as_bytes()).expect("two names"), ["cat", "dog"]);
        }
    }

    #[test]
    fn too_few_too_many_and_no_text_are_errors() {
        assert!(matches!(
            names(b"cat\n"),
            Err(DataError::File(FileError::ClassNames {
                expected: 2,
                found: 1,
                ..
            }))
        ));
        assert!(matches!(
            names(b"cat\ndog\ncow\n"),
            Err(DataError::File(FileError::ClassNames { found: 3, .. }))
        ));
        assert!(matches!(
            names(b"cat\n\ndog\n"),
            Err(DataError::File(FileError::ClassNames { .. }))
        ));
        assert!(matches!(
            names(b""),
            Err(DataError::File(FileError::ClassNames { found: 0, .. }))
        ));
        assert!(matches!(
            names(b"cat\nd\xffg\n"),
            Err(DataError::File(FileError::Text { valid: 5, .. }))
        ));
    }
}
