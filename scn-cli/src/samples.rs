//! Where samples stand in arrays.

/// Where samples stand in arrays of signals, correlations and codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Samples {
    /// One a column: signals [m, P], codes [n, P].
    InColumns,
    /// One a row: signals [P, m], codes [P, n].
    InRows,
}
