//! Errors in a normalisation, its settings, or the images that it is fitted to.

/// The reason why images cannot be normalised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NormalizationError {
    /// All pixels equal their mean, so there is no deviation to divide by.
    #[error(
        "training pixels must differ from their mean to be divided by their deviation, but all equal it"
    )]
    NoDeviation,
    /// The mean image has a different length.
    #[error("the mean image must have {expected} values, but has {found}")]
    MeanLength {
        /// Channels times height times width.
        expected: usize,
        /// Number of values given.
        found: usize,
    },
    /// The mean image has a value that is not finite.
    #[error("the mean image must be finite, but holds {found}")]
    MeanValue {
        /// The first such value.
        found: f32,
    },
    /// The scale is not finite and positive.
    #[error("the scale must be finite and positive, but is {found}")]
    ScaleValue {
        /// The scale given.
        found: f32,
    },
    /// The bias of contrast normalisation is not finite and positive.
    #[error("the bias of contrast normalisation must be finite and positive, but is {found}")]
    ContrastBias {
        /// The bias, in squares of the unit of the pixels.
        found: f64,
    },
    /// The epsilon of whitening is not finite and positive.
    #[error("the epsilon of whitening must be finite and positive, but is {found}")]
    WhiteningEpsilon {
        /// The epsilon given.
        found: f64,
    },
    /// A process that shares the fit has failed.
    #[error("{0}")]
    Process(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Images are too large to be whitened.
    #[error("images must have at most {bound} values to be whitened, but have {found}")]
    WhiteningSize {
        /// Largest number of values allowed.
        bound: usize,
        /// Channels times height times width.
        found: usize,
    },
    /// The whitening matrix has a different size.
    #[error("the whitening matrix must have {values} x {values} entries, but has {found}")]
    WhiteningLength {
        /// Channels times height times width.
        values: usize,
        /// Number of entries given.
        found: usize,
    },
    /// The whitening matrix has an entry that is not finite.
    #[error("the whitening matrix must be finite, but holds {found}")]
    WhiteningValue {
        /// The first such entry.
        found: f32,
    },
    /// The iteration did not find the eigenvalues of the covariance.
    #[error(
        "the covariance of the training images must have an eigendecomposition, but computing it failed"
    )]
    Eigenvalues,
    /// The watcher stopped the fit.
    #[error("the fit was stopped before it was complete")]
    Stopped,
    /// An image or its output has a different length.
    #[error("{what} must have {expected} values, but has {found}")]
    ImageLength {
        /// Description of the image or the output.
        what: &'static str,
        /// Channels times height times width.
        expected: usize,
        /// Number of values given.
        found: usize,
    },
}
