//! The source of images: a named data set, or your own files.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset_name::DatasetName;

/// The source of images. Settings, models and arguments store it as text:
///
/// | text | source |
/// |---|---|
/// | `cifar10`, ... | a data set by its [name](DatasetName) |
/// | `folder:DIR` | your own image files, in one folder per class |
/// | `npy:PREFIX` | your own arrays, in the files `PREFIX-train-images.npy`, ... |
/// | `own:NAME` | images assembled by a program, which cannot be read again |
///
/// # Example
///
/// ```
/// use scn_data::{DataSource, DatasetName};
///
/// let source: DataSource = "folder:photos/birds".parse()?;
/// assert_eq!(source, DataSource::Folder("photos/birds".into()));
/// assert_eq!(source.to_string(), "folder:photos/birds");
/// assert_eq!(source.short_name(), "birds");
/// assert_eq!("cifar10".parse::<DataSource>()?, DatasetName::Cifar10);
/// # Ok::<(), scn_data::UnknownSource>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum DataSource {
    /// A data set by its name.
    Named(DatasetName),
    /// A folder of image files, in the layout that [`format::pictures`](crate::format) describes.
    Folder(PathBuf),
    /// The common prefix of the names of four arrays; see
    /// [`format::npy::train_and_test`](crate::format::npy::train_and_test).
    Arrays(PathBuf),
    /// Images assembled by a program, with a name of its choice.
    Own(String),
}

impl DataSource {
    /// Returns the name of the data set, if it has one.
    pub fn name(&self) -> Option<DatasetName> {
        match self {
            Self::Named(name) => Some(*name),
            Self::Folder(_) | Self::Arrays(_) | Self::Own(_) => None,
        }
    }

    /// Returns a short name for files derived from this source: the name of the data set, the last
    /// component of the path, or the name chosen by the program.
    pub fn short_name(&self) -> String {
        match self {
            Self::Named(name) => name.to_string(),
            Self::Folder(path) | Self::Arrays(path) => match path.file_name() {
                Some(name) => name.to_string_lossy().into_owned(),
                None => "own".to_owned(),
            },
            Self::Own(name) => name.clone(),
        }
    }
}

impl From<DatasetName> for DataSource {
    fn from(name: DatasetName) -> Self {
        Self::Named(name)
    }
}

impl PartialEq<DatasetName> for DataSource {
    fn eq(&self, name: &DatasetName) -> bool {
        self.name() == Some(*name)
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Folder(path) => f.pad(&format!("folder:{}", path.display())),
            Self::Arrays(path) => f.pad(&format!("npy:{}", path.display())),
            Self::Own(name) => f.pad(&format!("own:{name}")),
        }
    }
}

impl From<DataSource> for String {
    fn from(source: DataSource) -> Self {
        source.to_string()
    }
}

/// The error for a text that is not a source of images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "data set must be one of {}, folder:DIR or npy:PREFIX, but is {found:?}",
    DatasetName::choices()
)]
#[non_exhaustive]
pub struct UnknownSource {
    /// The text given.
    pub found: String,
}

impl FromStr for DataSource {
    type Err = UnknownSource;

    /// # Errors
    /// Returns [`UnknownSource`], which lists the choices.
    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let unknown = || UnknownSource {
            found: text.to_owned(),
        };
        match text.split_once(':') {
            None => text.parse().map(Self::Named).map_err(|_| unknown()),
            Some((_, "")) => Err(unknown()),
            Some(("folder", path)) => Ok(Self::Folder(path.into())),
            Some(("npy", path)) => Ok(Self::Arrays(path.into())),
            Some(("own", name)) => Ok(Self::Own(name.to_owned())),
            Some(_) => Err(unknown()),
        }
    }
}

impl TryFrom<String> for DataSource {
    type Error = UnknownSource;

    fn try_from(text: String) -> Result<Self, UnknownSource> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_they_are_written() {
        for text in ["cifar10", "folder:my/pictures", "npy:a/b:c", "own:shapes"] {
            let source: DataSource = text.parse().expect("a source");
            assert_eq!(source.to_string(), text);
        }
        let short = |text: &str| text.parse::<DataSource>().expect("a source").short_name();
        assert_eq!(short("folder:my/pictures/"), "pictures");
        assert_eq!(short("folder:."), "own");
        assert_eq!(short("npy:data/set"), "set");
    }

    #[test]
    fn other_texts_are_answered_with_the_choices() {
        for text in ["imagenet", "folder:", "npy:", "zip:a", ""] {
            let message = text.parse::<DataSource>().expect_err("unknown").to_string();
            let ends = format!("folder:DIR or npy:PREFIX, but is {text:?}");
            assert!(message.ends_with(&ends), "{message}");
        }
    }
}
