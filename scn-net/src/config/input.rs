//! Preprocessing and augmentation of the images.

use schemars::JsonSchema;
use scn_data::{Draw, Mean, NormalizationConfig, Scale};
use serde::{Deserialize, Serialize};

/// Preprocessing and augmentation of the images.
///
/// Contrast, mean, scale and whitening are applied in this order. Each is fitted to the output of
/// the one before, on the training images, and stored with the model. Flips and shifts follow, in
/// training only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct InputConfig {
    /// Contrast normalisation: each image of variance v gets mean 0 and variance v / (v + bias).
    /// The value is the bias for pixels 0 to 255, above 0; 10 in the literature. Off: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 10.0)]
    pub contrast: Option<f64>,
    /// The mean subtracted from every image.
    pub mean: Mean,
    /// The scale by which every image is divided.
    pub scale: Scale,
    /// ZCA whitening. The value is epsilon, above 0; 0.1 in the literature. It subtracts the mean
    /// image, whatever `mean` is. Off: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = 0.1)]
    pub whitening: Option<f64>,
    /// Whether training images are mirrored left to right with probability 1/2.
    pub flip: bool,
    /// Largest random shift of training images, in pixels in each direction; uncovered pixels are
    /// zero.
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
    /// Returns the settings of the part that is fitted to the training images.
    pub fn normalization(&self) -> NormalizationConfig {
        NormalizationConfig::default()
            .with_contrast(self.contrast)
            .with_mean(self.mean)
            .with_scale(self.scale)
            .with_whitening(self.whitening)
    }
}
