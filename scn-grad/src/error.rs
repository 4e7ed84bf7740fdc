//! The errors of this crate.

/// A shape that does not fit the problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GradError {
    /// The length of the signals differs from that of the atoms.
    #[error("signals must have {expected} entries, like the atoms, but have {found}")]
    SignalLength {
        /// Rows of the dictionary.
        expected: usize,
        /// Rows of the signals.
        found: usize,
    },
    /// A matrix has the wrong shape.
    #[error("{what} must be {expected:?} (rows, columns), but is {found:?}")]
    Shape {
        /// The matrix in question.
        what: &'static str,
        /// Expected shape.
        expected: (usize, usize),
        /// Actual shape.
        found: (usize, usize),
    },
}

impl GradError {
    /// Checks that two shapes are equal.
    pub(crate) fn check(
        what: &'static str,
        expected: (usize, usize),
        found: (usize, usize),
    ) -> Result<(), GradError> {
        if expected == found {
            Ok(())
        } else {
            Err(GradError::Shape {
                what,
                expected,
                found,
            })
        }
    }
}
