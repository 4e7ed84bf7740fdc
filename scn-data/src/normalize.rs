//! Subtracting a mean and dividing by a scale, both fitted to the training images; before that
//! contrast normalisation, after it whitening, if asked for.

use std::ops::ControlFlow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contrast::Contrast;
use crate::error::{DataError, ImageError, NormalizationError};
use crate::fit_share::{FitAlone, FitShare};
use crate::images::{ImageSet, volume};
use crate::pixels::PixelSlice;
use crate::statistics::{ByteStatistics, FloatStatistics, Statistics};
use crate::watch::{FitProgress, Watch};
use crate::whiten::Whitening;

/// The mean that is subtracted from every image, taken over the training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mean {
    /// Nothing.
    None,
    /// The mean image, one value a pixel and channel: what the paper says (section 5, arXiv
    /// 1701.08349).
    Pixel,
    /// One value a channel: what the [authors'
    /// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks) does.
    #[default]
    Channel,
}

/// The scale that every image is divided by once its mean is subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scale {
    /// No scale: pixels keep their unit, as in the [authors'
    /// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks).
    #[default]
    None,
    /// The brightest value a pixel can have, so that pixels range over an interval of length 1.
    Range,
    /// The standard deviation of all mean-subtracted training pixels, one number for all channels.
    Deviation,
}

/// Which normalisation to fit.
///
/// | setting | default | choices |
/// |---|---|---|
/// | `contrast` | off | > 0: the bias of the contrast normalisation of every image, for pixels 0 to 255; 10 in the literature |
/// | `mean` | `channel` | `none`, `pixel`, `channel` |
/// | `scale` | `none` | `none`, `range`, `deviation` |
/// | `whitening` | off | > 0: the epsilon of ZCA whitening; 0.1 in the literature, after contrast normalisation |
///
/// The steps are taken in this order, each fitted to what the one before leaves. Where pixels have
/// another range, the bias is that for the same picture: it is multiplied by (brightest / 255)^2.
/// Whitening subtracts the mean image of what it is given, so that with it the mean image is
/// subtracted in all, whatever `mean`; `deviation` is still about `mean`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NormalizationConfig {
    /// The bias of contrast normalisation, in squares of a pixel's unit where the brightest is 255;
    /// absent: none is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<f64>,
    /// What is subtracted.
    pub mean: Mean,
    /// What is divided by.
    pub scale: Scale,
    /// What is added to the eigenvalues of the covariance before whitening divides by their roots;
    /// absent: none is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whitening: Option<f64>,
}

impl NormalizationConfig {
    /// The same settings with contrast normalisation of this bias, or without.
    #[must_use]
    pub fn with_contrast(self, bias: impl Into<Option<f64>>) -> Self {
        let contrast = bias.into();
        Self { contrast, ..self }
    }

    /// The same settings with another mean.
    #[must_use]
    pub fn with_mean(self, mean: Mean) -> Self {
        Self { mean, ..self }
    }

    /// The same settings with another scale.
    #[must_use]
    pub fn with_scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// The same settings with whitening by this epsilon, or without.
    #[must_use]
    pub fn with_whitening(self, epsilon: impl Into<Option<f64>>) -> Self {
        let whitening = epsilon.into();
        Self { whitening, ..self }
    }
}

/// A fitted normalisation: x = W ((c(p) - mean) * scale) for the pixels p of an image C, H, W.
///
/// c is contrast normalisation, c(p) = (p - m) / sqrt(v + bias) with the mean m and the variance v
/// of the image's own pixels, or nothing; W is whitening, a D x D matrix with D = C H W, or
/// nothing.
///
/// A whitened image costs D^2 multiplications; one alone those of 96, so that its bits are those
/// that it has among others.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    shape: [usize; 3],
    contrast: Option<Contrast>,
    mean: Vec<f32>,
    scale: f32,
    /// Shared, as it is large.
    whitening: Option<Arc<Whitening>>,
}

impl Normalization {
    /// Fits a normalisation to the training images.
    ///
    /// Without contrast normalisation the sums for mean and scale are sums of bytes, kept as
    /// integers: they are exact, whatever the order and however many images. Pixels that are floating
    /// point numbers are summed in f64, in their order. Whitening takes about
    /// `N D^2 + 10 D^3` operations, for the covariance and its eigenvectors, and four D x D matrices
    /// of f64.
    ///
    /// # Errors
    /// [`ImageError::NoImages`] for an empty set; [`NormalizationError::NoDeviation`] if
    /// [`Scale::Deviation`] is asked for and every pixel equals its mean;
    /// [`NormalizationError::ContrastBias`] and [`NormalizationError::WhiteningEpsilon`] for what
    /// is not finite and positive; [`NormalizationError::WhiteningSize`] if images of more than
    /// 4096 values are to be whitened; [`NormalizationError::WhiteningValue`] if epsilon is so
    /// small that W is beyond f32; [`NormalizationError::Eigenvalues`] if they are not found.
    pub fn fit(train: &ImageSet, config: NormalizationConfig) -> Result<Self, DataError> {
        Self::fit_watched(train, config, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`fit`](Self::fit), with the same bits, and reports how far it has come: at the beginning
    /// of each [stage](crate::FitStage), and from then on several times a second. A break from
    /// `watcher` ends the fit there.
    ///
    /// Eigenvectors are computed in a thread of their own, which cannot be stopped: after a break in
    /// [`FitStage::Eigenvectors`](crate::FitStage::Eigenvectors) this returns at once, while the
    /// thread goes on until it has them, and gives its memory back then.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit), and [`NormalizationError::Stopped`] after a break.
    pub fn fit_watched(
        train: &ImageSet,
        config: NormalizationConfig,
        watcher: &mut dyn FnMut(FitProgress) -> ControlFlow<()>,
    ) -> Result<Self, DataError> {
        Self::fit_shared(train, config, &FitAlone, watcher)
    }

    /// As [`fit_watched`](Self::fit_watched), with the same bits, by processes that have the same images and share out the sums that
    /// whitening takes: its covariance, and W. Mean and scale are computed by each, and so are the eigenvectors.
    ///
    /// A break leaves the others waiting: the watchers of all processes are to break at the same report, or none.
    ///
    /// # Errors
    /// Those of [`fit_watched`](Self::fit_watched), and [`NormalizationError::Process`].
    pub fn fit_shared(
        train: &ImageSet,
        config: NormalizationConfig,
        share: &dyn FitShare,
        watcher: &mut dyn FnMut(FitProgress) -> ControlFlow<()>,
    ) -> Result<Self, DataError> {
        if train.is_empty() {
            return Err(ImageError::NoImages.into());
        }
        let brightest = f64::from(train.brightest());
        let contrast = config
            .contrast
            .map(|bias| Contrast::new(bias * (brightest / 255.0).powi(2)))
            .transpose()?;
        let watch = &mut Watch::new(watcher, train.len(), train.volume());
        let statistics: &dyn Statistics = match (contrast, train.pixels()) {
            (None, PixelSlice::Bytes(pixels)) => {
                &ByteStatistics::of(pixels, train.volume(), watch)?
            }
            _ => &FloatStatistics::of(train, contrast, watch)?,
        };
        let [channels, height, width] = train.shape();
        let (area, volume) = (height * width, channels * height * width);
        let spread = |together| {
            let means = statistics.means(together).into_iter();
            means
                .flat_map(|mean| std::iter::repeat_n(mean as f32, together))
                .collect()
        };
        let mean = match config.mean {
            _ if config.whitening.is_some() => spread(1),
            Mean::None => vec![0.0; volume],
            Mean::Pixel => spread(1),
            Mean::Channel => spread(area),
        };
        let scale = match config.scale {
            Scale::None => 1.0,
            Scale::Range => 1.0 / brightest,
            Scale::Deviation => {
                // A deviation is about a mean in any case; if none is subtracted, about that of all
                // pixels.
                let together = match config.mean {
                    Mean::None => volume,
                    Mean::Channel => area,
                    Mean::Pixel => 1,
                };
                let variance = statistics.variance(together, watch)?;
                if variance == 0.0 {
                    return Err(NormalizationError::NoDeviation.into());
                }
                1.0 / variance.sqrt()
            }
        };
        let mut normalization = Self {
            shape: train.shape(),
            contrast,
            mean,
            scale: scale as f32,
            whitening: None,
        };
        if let Some(epsilon) = config.whitening {
            let images = train.pixels().images(volume);
            let before =
                |image: PixelSlice<'_>, out: &mut [f32]| normalization.before_whitening(image, out);
            let whitening = Whitening::fit(images, volume, epsilon, before, share, watch)?;
            normalization.whitening = Some(Arc::new(whitening));
        }
        Ok(normalization)
    }

    /// A normalisation fitted earlier: `mean` in the order C, H, W, and the factor `scale`; without
    /// contrast normalisation and whitening.
    ///
    /// # Errors
    /// [`ImageError::Shape`], [`NormalizationError::MeanLength`] if `mean` does not have C H W
    /// values, [`NormalizationError::MeanValue`] for a mean that is not finite,
    /// [`NormalizationError::ScaleValue`] for a scale that is not finite and positive.
    pub fn from_parts(shape: [usize; 3], mean: Vec<f32>, scale: f32) -> Result<Self, DataError> {
        let expected = volume(shape)?;
        if mean.len() != expected {
            let found = mean.len();
            return Err(NormalizationError::MeanLength { expected, found }.into());
        }
        if let Some(&found) = mean.iter().find(|value| !value.is_finite()) {
            return Err(NormalizationError::MeanValue { found }.into());
        }
        if !(scale.is_finite() && scale > 0.0) {
            return Err(NormalizationError::ScaleValue { found: scale }.into());
        }
        Ok(Self {
            shape,
            contrast: None,
            mean,
            scale,
            whitening: None,
        })
    }

    /// The same normalisation, preceded by contrast normalisation with this
    /// [bias](Self::contrast).
    ///
    /// # Errors
    /// [`NormalizationError::ContrastBias`] if it is not finite and positive.
    pub fn with_contrast(self, bias: f64) -> Result<Self, DataError> {
        Ok(Self {
            contrast: Some(Contrast::new(bias)?),
            ..self
        })
    }

    /// The same normalisation, followed by whitening with this [matrix](Self::whitening).
    ///
    /// # Errors
    /// [`NormalizationError::WhiteningLength`] if it does not have D x D entries,
    /// [`NormalizationError::WhiteningValue`] for one that is not finite.
    pub fn with_whitening(self, matrix: Vec<f32>) -> Result<Self, DataError> {
        let whitening = Whitening::new(matrix, self.mean.len())?;
        Ok(Self {
            whitening: Some(Arc::new(whitening)),
            ..self
        })
    }

    /// Channels, height and width of the images it is for.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The bias of contrast normalisation, in squares of the pixels' own unit.
    pub fn contrast(&self) -> Option<f64> {
        self.contrast.map(Contrast::bias)
    }

    /// The whitening matrix W, row-major, a row and a column for each of the D = C H W values of an
    /// image.
    pub fn whitening(&self) -> Option<&[f32]> {
        self.whitening
            .as_deref()
            .map(|whitening| whitening.matrix())
    }

    /// The mean image that is subtracted, in the order C, H, W.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The factor that the difference is multiplied by.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Writes the normalised `image` (C, H, W) to `out`.
    ///
    /// # Errors
    /// [`NormalizationError::ImageLength`] if one of them does not have C H W values.
    pub fn apply<'a>(
        &self,
        image: impl Into<PixelSlice<'a>>,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        let image = image.into();
        let expected = self.mean.len();
        for (what, found) in [
            ("the image", image.len()),
            ("the room for the normalised image", out.len()),
        ] {
            if found != expected {
                let error = NormalizationError::ImageLength {
                    what,
                    expected,
                    found,
                };
                return Err(error.into());
            }
        }
        self.write(image, out);
        Ok(())
    }

    /// [`apply`](Self::apply) where the lengths are known to fit.
    pub(crate) fn write(&self, image: PixelSlice<'_>, out: &mut [f32]) {
        self.before_whitening(image, out);
        if let Some(whitening) = &self.whitening {
            whitening.apply(out);
        }
    }

    /// All images, one after the other, if there is whitening: it is cheaper for many at once.
    pub(crate) fn whitened(&self, images: &ImageSet) -> Option<Vec<f32>> {
        let whitening = self.whitening.as_ref()?;
        let volume = self.mean.len();
        let mut values = vec![0.0; images.pixels().len()];
        let pixels = images.pixels().images(volume);
        for (image, out) in pixels.zip(values.chunks_exact_mut(volume)) {
            self.before_whitening(image, out);
        }
        whitening.apply(&mut values);
        Some(values)
    }

    /// (p - mean) * scale, for pixels of either kind: every image of every batch comes by here.
    fn centre_and_scale<P: Copy + Into<f32>>(&self, pixels: &[P], out: &mut [f32]) {
        for ((value, &pixel), &mean) in out.iter_mut().zip(pixels).zip(&self.mean) {
            *value = (pixel.into() - mean) * self.scale;
        }
    }

    /// z = (c(p) - mean) * scale.
    fn before_whitening(&self, image: PixelSlice<'_>, out: &mut [f32]) {
        match self.contrast {
            None => match image {
                PixelSlice::Bytes(pixels) => self.centre_and_scale(pixels, out),
                PixelSlice::Floats(pixels) => self.centre_and_scale(pixels, out),
            },
            Some(contrast) => {
                contrast.write(image, out);
                for (value, mean) in out.iter_mut().zip(&self.mean) {
                    *value = (*value - mean) * self.scale;
                }
            }
        }
    }
}
