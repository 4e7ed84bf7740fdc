//! What is done to the pixels.

use scn_data::{Draw, Mean, NormalizationConfig, Scale};
use serde::{Deserialize, Serialize};

/// What is done to the pixels.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `contrast` | off | > 0: contrast normalisation of every image, with this bias for pixels 0 to 255; 10 in the literature |
/// | `mean` | `channel` | what is subtracted: `pixel` (the mean image), `channel`, or `none` |
/// | `scale` | `none` | what it is divided by: `deviation`, `range`, or `none` |
/// | `whitening` | off | > 0: ZCA whitening, with this epsilon; 0.1 in the literature. Subtracts the mean image, whatever `mean` |
/// | `flip` | false | mirror left to right with probability 1/2 |
/// | `shift` | 0 | move by up to so many pixels each way, filled with zeros, after all the above |
/// | `draw` | `batch` | one draw for the whole `batch`, one per `group` of `network.batch_norm.group` images, as in the [authors' program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks), or one per `image` |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct InputConfig {
    /// The bias of contrast normalisation; absent: none is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<f64>,
    /// What is subtracted.
    pub mean: Mean,
    /// What it is divided by.
    pub scale: Scale,
    /// The epsilon of whitening; absent: none is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whitening: Option<f64>,
    /// Whether images are mirrored at random.
    pub flip: bool,
    /// Largest shift, in pixels.
    pub shift: usize,
    /// How often flip and shift are drawn.
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
