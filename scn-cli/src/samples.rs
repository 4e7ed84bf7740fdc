//! The layout of signals in arrays.

/// The layout of arrays of signals, correlations and codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Samples {
    /// One signal per column: signals [m, P], codes [n, P].
    InColumns,
    /// One signal per row: signals [P, m], codes [P, n].
    InRows,
}
