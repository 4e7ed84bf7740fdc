//! How image files of any size become images of one shape.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The example size in the documentation.
const EXAMPLE_SIZE: [usize; 2] = [32, 32];

/// How the image files of a folder become images of one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PictureConfig {
    /// Height and width that every image is scaled to, from 1 to 4096. Off: all images must have
    /// the same size.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = EXAMPLE_SIZE)]
    pub size: Option<[usize; 2]>,
    /// How an image with a different aspect ratio is brought to `size`.
    pub fit: Fit,
    /// The channels that every image is converted to. Off: the channels of the files, which must be
    /// all grey or all coloured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"rgb")]
    pub colours: Option<Colours>,
}

impl PictureConfig {
    /// Sets the height and width that images are scaled to; `None` leaves them unchanged.
    #[must_use]
    pub fn with_size(self, size: impl Into<Option<[usize; 2]>>) -> Self {
        let size = size.into();
        Self { size, ..self }
    }

    /// Sets how images with a different aspect ratio are brought to the size.
    #[must_use]
    pub fn with_fit(self, fit: Fit) -> Self {
        Self { fit, ..self }
    }

    /// Sets the channels that images are converted to; `None` leaves them unchanged.
    #[must_use]
    pub fn with_colours(self, colours: impl Into<Option<Colours>>) -> Self {
        let colours = colours.into();
        Self { colours, ..self }
    }
}

/// How an image is brought to a size with a different aspect ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fit {
    /// The image is scaled until it covers the size, and its centre is kept.
    #[default]
    Crop,
    /// Height and width are scaled by different factors.
    Stretch,
}

/// The channels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Colours {
    /// One channel; colours become their luma, with the weights 0.2126, 0.7152 and 0.0722 of ITU-R
    /// BT.709.
    Grey,
    /// Red, green and blue; grey becomes three equal channels.
    Rgb,
}
