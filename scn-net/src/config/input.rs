//! What is done to the pixels.

use schemars::JsonSchema;
use scn_data::{Draw, Mean, NormalizationConfig, Scale};
use serde::{Deserialize, Serialize};

/// What is done to the pixels.
///
/// Contrast, mean, scale, whitening: in this order, each fitted to what the one before leaves, on
/// the training images, and stored with the model. Flips and shifts come after, in training only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct InputConfig {
    /// Contrast normalisation: each image gets mean 0 and variance v / (v + bias), with this bias
    /// for pixels 0 to 255, above 0; 10 in the literature. Off: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 10.0)]
    pub contrast: Option<f64>,
    /// The mean that is subtracted from every image.
    pub mean: Mean,
    /// The scale that every image is divided by.
    pub scale: Scale,
    /// ZCA whitening, with this epsilon, above 0; 0.1 in the literature. It subtracts the mean
    /// image, whatever `mean`. Off: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.1)]
    pub whitening: Option<f64>,
    /// Whether training images are mirrored left to right, with probability 1/2.
    pub flip: bool,
    /// Largest random shift of training images, in pixels each way; what it uncovers is zero.
    pub shift: usize,
    /// How many images share one random flip and shift; `group` needs `network.batch_norm.group`.
    pub draw: Draw,
}

impl Default for InputConfig {
    fn default() -> Self {
        Self {
            contrast: None,
            mean: Mean::Channel,
            scale: Scale::None,
            whitening: None,
            flip: false,
            shift: 0,
            draw: Draw::Batch,
        }
    }
}

impl InputConfig {
    /// The part that is fitted to the training images.
    pub fn normalization(&self) -> NormalizationConfig {
        NormalizationConfig::default()
            .with_contrast(self.contrast)
            .with_mean(self.mean)
            .with_scale(self.scale)
            .with_whitening(self.whitening)
    }
}
