//! Starting points of solves.

/// The starting point of a solve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Start {
    /// Start at zero; the contents of the codes are ignored.
    #[default]
    Zero,
    /// Start at the given codes. Entries that are not finite count as zero, and so do negative
    /// entries where codes must be nonnegative.
    Codes,
}
