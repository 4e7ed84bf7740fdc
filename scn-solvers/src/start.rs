//! Where a solve starts.

/// Where a solve starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Start {
    /// At zero; what the codes hold is ignored.
    #[default]
    Zero,
    /// At what the codes hold. Negative entries count as zero where codes must be nonnegative, and so do those that are
    /// not finite.
    Codes,
}
