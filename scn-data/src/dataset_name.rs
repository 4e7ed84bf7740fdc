//! The names of the data sets.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A data set that [`open`](crate::open) can read. Its name is in lower case (`cifar10`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DatasetName {
    /// 1,797 handwritten digits of 8 x 8 pixels, embedded in this crate.
    Digits,
    /// 70,000 handwritten digits of 28 x 28 pixels.
    Mnist,
    /// 60,000 colour images of 32 x 32 pixels in 10 classes.
    Cifar10,
    /// 60,000 colour images of 32 x 32 pixels in 100 classes.
    Cifar100,
    /// 99,289 colour images of house numbers, cropped to digits of 32 x 32 pixels.
    Svhn,
    /// 13,000 labelled colour images of 96 x 96 pixels in 10 classes.
    Stl10,
}

impl DatasetName {
    /// All data sets, smallest first.
    pub const ALL: [Self; 6] = [
        Self::Digits,
        Self::Mnist,
        Self::Cifar10,
        Self::Cifar100,
        Self::Svhn,
        Self::Stl10,
    ];

    /// Returns the channels, height and width of the images.
    pub fn shape(self) -> [usize; 3] {
        match self {
            Self::Digits => [1, 8, 8],
            Self::Mnist => [1, 28, 28],
            Self::Cifar10 | Self::Cifar100 | Self::Svhn => [3, 32, 32],
            Self::Stl10 => [3, 96, 96],
        }
    }

    /// Returns the number of classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Cifar100 => 100,
            Self::Digits | Self::Mnist | Self::Cifar10 | Self::Svhn | Self::Stl10 => 10,
        }
    }

    /// Returns the largest value that a pixel can have.
    pub fn brightest(self) -> u8 {
        match self {
            Self::Digits => 16,
            Self::Mnist | Self::Cifar10 | Self::Cifar100 | Self::Svhn | Self::Stl10 => 255,
        }
    }

    /// Returns the folder of the data set inside the data folder, or `None` if it is embedded.
    ///
    /// A data set that is published as a tar archive has the folder of that archive.
    pub fn folder(self) -> Option<&'static str> {
        match self {
            Self::Digits => None,
            Self::Mnist => Some("mnist"),
            Self::Cifar10 => Some("cifar-10-batches-bin"),
            Self::Cifar100 => Some("cifar-100-binary"),
            Self::Svhn => Some("svhn"),
            Self::Stl10 => Some("stl10_binary"),
        }
    }

    /// Returns the name as users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Svhn => "svhn",
            Self::Stl10 => "stl10",
        }
    }

    /// All names, for messages.
    pub(crate) fn choices() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The error for a name that is not that of a data set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "data set must be one of {}, but is \"{found}\"",
    DatasetName::choices()
)]
#[non_exhaustive]
pub struct UnknownDataset {
    /// The name given.
    pub found: String,
}

impl FromStr for DatasetName {
    type Err = UnknownDataset;

    /// # Errors
    /// Returns [`UnknownDataset`], which lists the choices.
    fn from_str(name: &str) -> Result<Self, UnknownDataset> {
        Self::ALL
            .into_iter()
            .find(|dataset| dataset.as_str() == name)
            .ok_or_else(|| UnknownDataset {
                found: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for dataset in DatasetName::ALL {
            assert_eq!(
                dataset.to_string().parse::<DatasetName>().expect("known"),
                dataset
            );
            let written: StrDeserializer<'_, Error> = dataset.as_str().into_deserializer();
            assert_eq!(DatasetName::deserialize(written), Ok(dataset));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_choices() {
        let message = "imagenet"
            .parse::<DatasetName>()
            .expect_err("unknown")
            .to_string();
        assert_eq!(
            message,
            "data set must be one of digits, mnist, cifar10, cifar100, svhn, stl10, but is \"imagenet\""
        );
    }
}
