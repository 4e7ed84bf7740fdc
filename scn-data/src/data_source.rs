//! Where images come from: a data set by its name, or files of your own.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::dataset_name::DatasetName;

/// Where images come from. Settings, models and arguments hold it as text:
///
/// | text | stands for |
/// |---|---|
/// | `cifar10`, ... | a data set by its [name](DatasetName) |
/// | `folder:DIR` | pictures of your own in folders by class |
/// | `npy:PREFIX` | arrays of your own in the files `PREFIX-train-images.npy`, ... |
/// | `own:NAME` | images that a program has put together; they cannot be read from anywhere |
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum DataSource {
    /// A data set by its name.
    Named(DatasetName),
    /// The folder of pictures; [`format::pictures`](crate::format) says how they lie in it.
    Folder(PathBuf),
    /// What the names of four arrays begin with; see
    /// [`format::npy::train_and_test`](crate::format::npy::train_and_test).
    Arrays(PathBuf),
    /// Images that a program has put together, by a name that it chose.
    Own(String),
}

impl DataSource {
    /// The data set's name, if it has one.
    pub fn name(&self) -> Option<DatasetName> {
        match self {
            Self::Named(name) => Some(*name),
            Self::Folder(_) | Self::Arrays(_) | Self::Own(_) => None,
        }
    }

    /// A word that names files made from it: the name of the data set, the last part of the path, or
    /// the name that a program chose.
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

/// A text that stands for no source of images.
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
    /// [`UnknownSource`], which lists the choices.
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
