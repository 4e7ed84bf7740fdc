//! The data sets by name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A data set that [`open`](crate::open) can read; written and read in lower case (`cifar10`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DatasetName {
    /// 1,797 handwritten digits of 8 x 8 pixels, embedded: they need no files.
    Digits,
    /// 70,000 handwritten digits of 28 x 28 pixels.
    Mnist,
    /// 60,000 colour photographs of 32 x 32 pixels in 10 classes.
    Cifar10,
    /// 60,000 colour photographs of 32 x 32 pixels in 100 classes.
    Cifar100,
    /// 99,289 colour photographs of house numbers, cropped to digits of 32 x 32 pixels.
    Svhn,
    /// 13,000 labelled colour photographs of 96 x 96 pixels in 10 classes.
    Stl10,
}

impl DatasetName {
    /// Every data set, the smallest first.
    pub const ALL: [Self; 6] = [
        Self::Digits,
        Self::Mnist,
        Self::Cifar10,
        Self::Cifar100,
        Self::Svhn,
        Self::Stl10,
    ];

    /// Channels, height and width of the images.
    pub fn shape(self) -> [usize; 3] {
        match self {
            Self::Digits => [1, 8, 8],
            Self::Mnist => [1, 28, 28],
            Self::Cifar10 | Self::Cifar100 | Self::Svhn => [3, 32, 32],
            Self::Stl10 => [3, 96, 96],
        }
    }

    /// Number of classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Cifar100 => 100,
            Self::Digits | Self::Mnist | Self::Cifar10 | Self::Svhn | Self::Stl10 => 10,
        }
    }

    /// Largest value that a pixel can have.
    pub fn brightest(self) -> u8 {
        match self {
            Self::Digits => 16,
            Self::Mnist | Self::Cifar10 | Self::Cifar100 | Self::Svhn | Self::Stl10 => 255,
        }
    }

    /// Its folder inside the data folder, named as its official archive unpacks; none for what is
    /// embedded.
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

    /// The name as users write it.
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

/// A name that no data set has.
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
    /// [`UnknownDataset`], which lists the choices.
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
