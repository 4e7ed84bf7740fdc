//! Peak signal-to-noise ratio of images against clean ones.

use std::path::Path;

use anyhow::{Result, bail};
use scn_data::format::npy::{Float, Kind};
use scn_data::format::pictures::{PictureAxes, PictureFile, PictureStack};

/// Sums of squared differences from clean images.
pub(super) struct Fidelity<T> {
    clean: PictureStack<T>,
    peak: f64,
    written: f64,
    signals: f64,
}

/// Returns the largest value of a pixel: 1, or for integers the largest value of their type.
pub(super) fn peak(kind: Option<Kind>) -> f64 {
    kind.and_then(Kind::largest_integer).unwrap_or(1.0)
}

/// Checks that clean images have the shape and the range of values of the signals.
pub(super) fn expect_alike(signals: &PictureFile, path: &Path, clean: &PictureFile) -> Result<()> {
    let of_kind = |peak: f64| match peak {
        1.0 => "numbers up to 1".to_string(),
        peak => format!("integers up to {peak}"),
    };
    let (expected, found) = (peak(signals.kind()), peak(clean.kind()));
    if expected != found {
        bail!(
            "{}: expected {}, like the signals, found {}",
            path.display(),
            of_kind(expected),
            of_kind(found)
        );
    }
    let (signals, clean) = (signals.axes(), clean.axes());
    let of = |axes: &PictureAxes| {
        let [channels, height, width] = axes.shape();
        [axes.pictures(), channels, height, width]
    };
    if of(signals) != of(clean) {
        bail!(
            "{}: expected images {:?} (count, channels, height, width), like the signals, found {:?}",
            path.display(),
            of(signals),
            of(clean)
        );
    }
    Ok(())
}

impl<T: Float> Fidelity<T> {
    /// Starts the sums for these clean images.
    pub(super) fn to(clean: PictureFile, peak: f64) -> Result<Self> {
        Ok(Self {
            clean: clean.read()?,
            peak,
            written: 0.0,
            signals: 0.0,
        })
    }

    /// Adds an output image, and the same image as it was among the signals.
    pub(super) fn add(&mut self, index: usize, written: &[f64], signals: &[T]) {
        let clean = self.clean.picture(index);
        let square = |(clean, found): (&T, f64)| (clean.widened() - found).powi(2);
        let signals = signals.iter().map(|value| value.widened());
        self.written += clean
            .iter()
            .zip(written.iter().copied())
            .map(square)
            .sum::<f64>();
        self.signals += clean.iter().zip(signals).map(square).sum::<f64>();
    }

    pub(super) fn peak(&self) -> f64 {
        self.peak
    }

    /// Returns the peak signal-to-noise ratio of the output in decibels, or None if it equals the
    /// clean images.
    pub(super) fn of_written(&self) -> Option<f64> {
        self.ratio(self.written)
    }

    /// Returns the same ratio for the signals.
    pub(super) fn of_signals(&self) -> Option<f64> {
        self.ratio(self.signals)
    }

    fn ratio(&self, squares: f64) -> Option<f64> {
        let mean = squares / self.clean.pixels().len() as f64;
        Some(10.0 * (self.peak * self.peak / mean).log10()).filter(|ratio| ratio.is_finite())
    }
}
