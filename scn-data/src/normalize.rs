//! Normalisation: subtraction of a mean and division by a scale, both fitted to the training
//! images, with optional contrast normalisation before and whitening after.

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

/// The mean that is subtracted from every image, computed over the training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mean {
    /// No mean.
    None,
    /// The mean image, one value per pixel and channel, as in the paper (section 5, arXiv
    /// 1701.08349).
    Pixel,
    /// One value per channel, as in the [authors'
    /// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks).
    #[default]
    Channel,
}

/// The scale that every image is divided by after its mean is subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scale {
    /// No scale: pixels keep their unit, as in the [authors'
    /// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks).
    #[default]
    None,
    /// The largest value that a pixel can have, so that pixels range over an interval of length 1.
    Range,
    /// The standard deviation of all mean-subtracted training pixels, one number for all channels.
    Deviation,
}

/// The settings of a normalisation.
///
/// | setting | default | choices |
/// |---|---|---|
/// | `contrast` | off | > 0: the bias of the contrast normalisation of every image, for pixels 0 to 255; 10 in the literature |
/// | `mean` | `channel` | `none`, `pixel`, `channel` |
/// | `scale` | `none` | `none`, `range`, `deviation` |
/// | `whitening` | off | > 0: the epsilon of ZCA whitening; 0.1 in the literature, after contrast normalisation |
///
/// The steps are applied in this order, each fitted to the result of the previous one. If pixels
/// have a different range, the bias is multiplied by (brightest / 255)^2, which has the same effect
/// on the same image. Whitening subtracts the mean image of its input, so with whitening the mean
/// image is always subtracted, whatever `mean` is; `deviation` still refers to `mean`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NormalizationConfig {
    /// Bias of contrast normalisation, in squares of the unit of pixels up to 255; `None` for no
    /// contrast normalisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<f64>,
    /// The mean to subtract.
    pub mean: Mean,
    /// The scale to divide by.
    pub scale: Scale,
    /// The epsilon that whitening adds to the eigenvalues of the covariance before it divides by
    /// their square roots; `None` for no whitening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whitening: Option<f64>,
}

impl NormalizationConfig {
    /// Sets the bias of contrast normalisation; `None` for no contrast normalisation.
    #[must_use]
    pub fn with_contrast(self, bias: impl Into<Option<f64>>) -> Self {
        let contrast = bias.into();
        Self { contrast, ..self }
    }

    /// Sets the mean to subtract.
    #[must_use]
    pub fn with_mean(self, mean: Mean) -> Self {
        Self { mean, ..self }
    }

    /// Sets the scale to divide by.
    #[must_use]
    pub fn with_scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// Sets the epsilon of whitening; `None` for no whitening.
    #[must_use]
    pub fn with_whitening(self, epsilon: impl Into<Option<f64>>) -> Self {
        let whitening = epsilon.into();
        Self { whitening, ..self }
    }
}

/// A fitted normalisation: x = W ((c(p) - mean) * scale) for the pixels p of an image C, H, W.
///
/// c is contrast normalisation, c(p) = (p - m) / sqrt(v + bias) with the mean m and the variance v
/// of the pixels of the image itself, or the identity. W is whitening, a matrix of size D x D with
/// D = C H W, or the identity.
///
/// Whitening an image costs D^2 multiplications. A single image costs as much as 96, so that its
/// result is bit-identical to that among other images.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    shape: [usize; 3],
    contrast: Option<Contrast>,
    mean: Vec<f32>,
    scale: f32,
    /// Shared, because it is large.
    whitening: Option<Arc<Whitening>>,
}

impl Normalization {
    /// Fits a normalisation to the training images.
    ///
    /// Without contrast normalisation, the sums of bytes for mean and scale are kept as integers.
    /// They are exact, whatever the order and the number of images. Pixels that are floating point
    /// numbers are summed in f64, in their order. Whitening takes about `N D^2 + 10 D^3` operations
    /// for the covariance and its eigenvectors, and four D x D matrices of f64.
    ///
    /// # Errors
    /// Returns [`ImageError::NoImages`] if the set is empty, [`NormalizationError::NoDeviation`] if
    /// [`Scale::Deviation`] is chosen and every pixel equals its mean,
    /// [`NormalizationError::ContrastBias`] or [`NormalizationError::WhiteningEpsilon`] if the bias
    /// or the epsilon is not finite and positive, [`NormalizationError::WhiteningSize`] if images
    /// of more than 4096 values are to be whitened, [`NormalizationError::WhiteningValue`] if
    /// epsilon is so small that W exceeds the range of f32, and [`NormalizationError::Eigenvalues`]
    /// if the eigenvalues are not found.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::{ImageSet, Mean, Normalization, NormalizationConfig, Scale};
    ///
    /// // Two images of 1 x 2 pixels, each of which differs from the mean image by 10 everywhere.
    /// let pixels = vec![0, 10, 20, 30];
    /// let train = ImageSet::new(pixels, [1, 1, 2], vec![0, 0], ["pair".to_owned()], 255)?;
    /// let config = NormalizationConfig::default();
    /// let config = config.with_mean(Mean::Pixel).with_scale(Scale::Deviation);
    ///
    /// let normalization = Normalization::fit(&train, config)?;
    /// assert_eq!(normalization.mean(), [10.0, 20.0]);
    /// let mut normalised = [0.0; 2];
    /// normalization.apply(train.image(1), &mut normalised)?;
    /// assert_eq!(normalised, [1.0, 1.0]);
    /// # Ok::<(), scn_data::DataError>(())
    /// ```
    pub fn fit(train: &ImageSet, config: NormalizationConfig) -> Result<Self, DataError> {
        Self::fit_watched(train, config, &mut |_| ControlFlow::Continue(()))
    }

    /// Same as [`fit`](Self::fit), with bit-identical results, but reports progress and can be
    /// stopped.
    ///
    /// `watcher` is called at the start of each [stage](crate::FitStage), and then several times a
    /// second. Returning `Break` stops the fit. Eigenvectors are computed in a separate thread that
    /// cannot be stopped. After a break in
    /// [`FitStage::Eigenvectors`](crate::FitStage::Eigenvectors), this function returns at once,
    /// while the thread runs to its end and only then frees its memory.
    ///
    /// # Errors
    /// Same as [`fit`](Self::fit). Also returns [`NormalizationError::Stopped`] after a break.
    pub fn fit_watched(
        train: &ImageSet,
        config: NormalizationConfig,
        watcher: &mut dyn FnMut(FitProgress) -> ControlFlow<()>,
    ) -> Result<Self, DataError> {
        Self::fit_shared(train, config, &FitAlone, watcher)
    }

    /// Same as [`fit_watched`](Self::fit_watched), with bit-identical results, but shares the work
    /// among processes that have the same images.
    ///
    /// The processes share the sums that whitening needs, for its covariance and for W. Each
    /// process computes mean, scale and eigenvectors itself. A break leaves the other processes
    /// waiting, so the watchers of all processes must break at the same report, or not at all.
    ///
    /// # Errors
    /// Same as [`fit_watched`](Self::fit_watched). Also returns [`NormalizationError::Process`] if
    /// a process fails.
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
                // A deviation always refers to a mean; if none is subtracted, to that of all
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

    /// Creates a normalisation that was fitted earlier, without contrast normalisation and
    /// whitening.
    ///
    /// `mean` is in the order C, H, W, and `scale` is a factor.
    ///
    /// # Errors
    /// Returns [`ImageError::Shape`] if the shape has no pixels or too many,
    /// [`NormalizationError::MeanLength`] if `mean` does not have C H W values,
    /// [`NormalizationError::MeanValue`] if a value of `mean` is not finite, and
    /// [`NormalizationError::ScaleValue`] if `scale` is not finite and positive.
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

    /// Returns the same normalisation, preceded by contrast normalisation with this
    /// [bias](Self::contrast).
    ///
    /// # Errors
    /// Returns [`NormalizationError::ContrastBias`] if the bias is not finite and positive.
    pub fn with_contrast(self, bias: f64) -> Result<Self, DataError> {
        Ok(Self {
            contrast: Some(Contrast::new(bias)?),
            ..self
        })
    }

    /// Returns the same normalisation, followed by whitening with this [matrix](Self::whitening).
    ///
    /// # Errors
    /// Returns [`NormalizationError::WhiteningLength`] if the matrix does not have D x D entries,
    /// and [`NormalizationError::WhiteningValue`] if an entry is not finite.
    pub fn with_whitening(self, matrix: Vec<f32>) -> Result<Self, DataError> {
        let whitening = Whitening::new(matrix, self.mean.len())?;
        Ok(Self {
            whitening: Some(Arc::new(whitening)),
            ..self
        })
    }

    /// Returns the channels, height and width of the images that the normalisation is for.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Returns the bias of contrast normalisation, in squares of the unit of the pixels.
    pub fn contrast(&self) -> Option<f64> {
        self.contrast.map(Contrast::bias)
    }

    /// Returns the whitening matrix W, D x D and row-major, where D = C H W.
    pub fn whitening(&self) -> Option<&[f32]> {
        self.whitening
            .as_deref()
            .map(|whitening| whitening.matrix())
    }

    /// Returns the mean image that is subtracted, in the order C, H, W.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Returns the factor that the difference is multiplied by.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Writes the normalised `image` (C, H, W) to `out`.
    ///
    /// # Errors
    /// Returns [`NormalizationError::ImageLength`] if one of them does not have C H W values.
    pub fn apply<'a>(
        &self,
        image: impl Into<PixelSlice<'a>>,
        out: &mut [f32],
    ) -> Result<(), DataError> {
        let image = image.into();
        let expected = self.mean.len();
        for (what, found) in [
            ("the image", image.len()),
            ("the output for the normalised image", out.len()),
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

    /// Same as [`apply`](Self::apply), for lengths that are known to fit.
    pub(crate) fn write(&self, image: PixelSlice<'_>, out: &mut [f32]) {
        self.before_whitening(image, out);
        if let Some(whitening) = &self.whitening {
            whitening.apply(out);
        }
    }

    /// Returns all images normalised, one after the other, if there is whitening, which is cheaper
    /// for many images at once.
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

    /// Writes (p - mean) * scale, for pixels of either kind. Every image of every batch passes
    /// through here.
    fn centre_and_scale<P: Copy + Into<f32>>(&self, pixels: &[P], out: &mut [f32]) {
        for ((value, &pixel), &mean) in out.iter_mut().zip(pixels).zip(&self.mean) {
            *value = (pixel.into() - mean) * self.scale;
        }
    }

    /// Writes z = (c(p) - mean) * scale.
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
