//! What can be wrong with a normalisation, its settings, or the images that it is fitted to.

/// Why images cannot be normalised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NormalizationError {
    /// Images that do not differ, so that nothing can be divided by their deviation.
    #[error(
        "training pixels must differ from their mean to be divided by their deviation, but all equal it"
    )]
    NoDeviation,
    /// A mean image of another length.
    #[error("the mean image must have {expected} values, but has {found}")]
    MeanLength {
        /// Channels times height times width.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A mean image with a value that is no number.
    #[error("the mean image must be finite, but holds {found}")]
    MeanValue {
        /// The first such value.
        found: f32,
    },
    /// A scale that cannot be divided by.
    #[error("the scale must be finite and positive, but is {found}")]
    ScaleValue {
        /// The scale given.
        found: f32,
    },
    /// A bias that contrast normalisation cannot add to a variance.
    #[error("the bias of contrast normalisation must be finite and positive, but is {found}")]
    ContrastBias {
        /// The bias, in squares of the pixels' own unit.
        found: f64,
    },
    /// An epsilon that whitening cannot add to an eigenvalue.
    #[error("the epsilon of whitening must be finite and positive, but is {found}")]
    WhiteningEpsilon {
        /// The epsilon given.
        found: f64,
    },
    /// A process that a fit is shared with has failed.
    #[error("{0}")]
    Process(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Images too large to be whitened.
    #[error("images must have at most {bound} values to be whitened, but have {found}")]
    WhiteningSize {
        /// Most values allowed.
        bound: usize,
        /// Channels times height times width.
        found: usize,
    },
    /// A whitening matrix of another size.
    #[error("the whitening matrix must have {values} x {values} entries, but has {found}")]
    WhiteningLength {
        /// Channels times height times width.
        values: usize,
        /// Entries given.
        found: usize,
    },
    /// A whitening matrix with an entry that is no number.
    #[error("the whitening matrix must be finite, but holds {found}")]
    WhiteningValue {
        /// The first such entry.
        found: f32,
    },
    /// A covariance whose eigenvalues the iteration did not find.
    #[error("the covariance of the training images must have eigenvalues, but none were found")]
    Eigenvalues,
    /// A fit that its watcher has stopped.
    #[error("the fit was stopped before it was complete")]
    Stopped,
    /// An image, or the room for it, of another length.
    #[error("{what} must have {expected} values, but has {found}")]
    ImageLength {
        /// The image or the room for the result.
        what: &'static str,
        /// Channels times height times width.
        expected: usize,
        /// Values given.
        found: usize,
    },
}
