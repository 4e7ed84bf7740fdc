//! SHA-256 sums of the files of a data set, written after unpacking and compared later.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::FetchError;
use crate::dataset_name::DatasetName;
use crate::files::{open_regular, read_regular};

/// The file in the folder of a data set with the sums of all others, in the format of `sha256sum`.
pub const SUMS: &str = "SHA256SUMS";

/// The SHA-256 sums of a file: when its data set was fetched, and now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedSum {
    /// Path of the file.
    pub path: PathBuf,
    /// SHA-256 sum when the data set was fetched, in hexadecimal digits.
    pub expected: String,
    /// SHA-256 sum now; `None` if the file does not exist.
    pub found: Option<String>,
}

impl CheckedSum {
    /// Whether the file exists with different bytes.
    pub fn has_changed(&self) -> bool {
        self.found
            .as_ref()
            .is_some_and(|found| *found != self.expected)
    }
}

/// Compares the files of data set `name` in the data folder with the sums recorded by the fetch.
///
/// The result is empty for a data set without sums, which was installed in a different way.
///
/// # Errors
/// Returns an error if a file cannot be read, or if the file of sums is invalid.
pub fn check_sums(name: DatasetName, data: &Path) -> Result<Vec<CheckedSum>, FetchError> {
    let Some(folder) = name.folder().map(|folder| data.join(folder)) else {
        return Ok(Vec::new());
    };
    let file = folder.join(SUMS);
    let text = match read_regular(&file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FetchError::file(&file)(error)),
    };
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| {
            let (expected, relative) = parse(line).ok_or_else(|| FetchError::Sums {
                file: file.clone(),
                line: index + 1,
                found: line.chars().take(80).collect(),
            })?;
            let path = folder.join(relative);
            let found = sum(&path)?;
            Ok(CheckedSum {
                path,
                expected: expected.to_lowercase(),
                found,
            })
        })
        .collect()
}

/// Writes the sums of all files in a folder.
pub(super) fn write(folder: &Path) -> Result<(), FetchError> {
    let mut names = Vec::new();
    list(folder, "", &mut names)?;
    names.sort();
    let mut text = String::new();
    for name in names {
        if let Some(sum) = sum(&folder.join(&name))? {
            let _ = writeln!(text, "{sum}  {name}");
        }
    }
    let path = folder.join(SUMS);
    let mut file = File::create_new(&path).map_err(FetchError::file(&path))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(FetchError::file(&path))
}

/// Adds the names of all files, including the folders that they are in. Names that are not UTF-8,
/// or contain a line break or a backslash, are left out.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), FetchError> {
    for entry in fs::read_dir(folder).map_err(FetchError::file(folder))? {
        let entry = entry.map_err(FetchError::file(folder))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let (path, name) = (entry.path(), format!("{prefix}{name}"));
        let kind = entry.file_type().map_err(FetchError::file(&path))?;
        if kind.is_dir() {
            list(&path, &format!("{name}/"), names)?;
        } else if !name.contains(['\n', '\r', '\\']) {
            names.push(name);
        }
    }
    Ok(())
}

/// Parses a line into a sum and a name, which must not lead out of the folder.
fn parse(line: &str) -> Option<(&str, &Path)> {
    let (sum, name) = line.split_once("  ")?;
    let is_sum = sum.len() == 64 && sum.bytes().all(|digit| digit.is_ascii_hexdigit());
    let name = Path::new(name);
    let mut parts = name.components();
    let is_inside = parts.all(|part| matches!(part, Component::Normal(_)));
    (is_sum && is_inside && name.file_name().is_some()).then_some((sum, name))
}

/// SHA-256 sum of a file in hexadecimal digits; `None` if the file does not exist.
fn sum(path: &Path) -> Result<Option<String>, FetchError> {
    let mut file = match open_regular(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FetchError::file(path)(error)),
    };
    let mut digest = Sha256::new();
    io::copy(&mut file, &mut digest).map_err(FetchError::file(path))?;
    Ok(Some(format!("{:x}", digest.finalize())))
}
