//! What can be wrong with the input.

/// Shapes that do not fit the problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GradError {
    /// Signals of another length than the atoms.
    #[error("signals must have {expected} entries, like the atoms, but have {found}")]
    SignalLength {
        /// Rows of the dictionary.
        expected: usize,
        /// Rows of the signals.
        found: usize,
    },
    /// A matrix of the wrong shape.
    #[error("{what} must be {expected:?} (rows, columns), but is {found:?}")]
    Shape {
        /// Which matrix.
        what: &'static str,
        /// Shape that fits.
        expected: (usize, usize),
        /// Shape found.
        found: (usize, usize),
    },
}

impl GradError {
    /// `Ok` if the shapes are equal.
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
