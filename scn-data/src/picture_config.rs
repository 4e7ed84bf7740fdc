//! How pictures of any size become images of one shape.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A size in documents.
const EXAMPLE_SIZE: [usize; 2] = [32, 32];

/// How the pictures of a folder become images of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PictureConfig {
    /// Height and width that every picture is scaled to, from 1 to 4096. Off: all pictures must be of
    /// one size.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = EXAMPLE_SIZE)]
    pub size: Option<[usize; 2]>,
    /// How a picture of other proportions is brought to the `size`.
    pub fit: Fit,
    /// The channels that every picture is brought to. Off: as the pictures have them, all grey or all
    /// coloured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"rgb")]
    pub colours: Option<Colours>,
}

impl PictureConfig {
    /// Scaled to this height and width, or left as they are.
    #[must_use]
    pub fn with_size(self, size: impl Into<Option<[usize; 2]>>) -> Self {
        let size = size.into();
        Self { size, ..self }
    }

    /// With other proportions fitted like this.
    #[must_use]
    pub fn with_fit(self, fit: Fit) -> Self {
        Self { fit, ..self }
    }

    /// Brought to these channels, or left as they are.
    #[must_use]
    pub fn with_colours(self, colours: impl Into<Option<Colours>>) -> Self {
        let colours = colours.into();
        Self { colours, ..self }
    }
}

/// How a picture is brought to a size of other proportions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fit {
    /// It is scaled until it covers the size, and its centre is kept.
    #[default]
    Crop,
    /// Its height and width are scaled by different factors.
    Stretch,
}

/// The channels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Colours {
    /// One channel; colours become their luma by the weights 0.2126, 0.7152 and 0.0722 of ITU-R
    /// BT.709.
    Grey,
    /// Red, green and blue; grey becomes three equal ones.
    Rgb,
}
