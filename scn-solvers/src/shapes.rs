//! Checks that shapes fit a problem.

use crate::EncodeError;
use crate::problem::Problem;
use crate::tile::{ColumnSource, Scalar};

/// Checks that there is one code per signal, and that both have the lengths of the problem.
pub(crate) fn check_signals<T: Scalar>(
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    codes: (usize, usize),
) -> Result<(), EncodeError> {
    if signals.rows() != problem.rows() {
        return Err(EncodeError::SignalLength {
            expected: problem.rows(),
            found: signals.rows(),
        });
    }
    check_codes((problem.atoms(), signals.columns()), codes)
}

/// Checks that there is one code per column of correlations, and that both have the length of the
/// problem.
pub(crate) fn check_correlations<T: Scalar>(
    problem: &Problem<T>,
    correlations: (usize, usize),
    codes: (usize, usize),
) -> Result<(), EncodeError> {
    let (found, columns) = correlations;
    let expected = problem.atoms();
    if found != expected {
        return Err(EncodeError::CorrelationLength { expected, found });
    }
    check_codes((expected, columns), codes)
}

fn check_codes(expected: (usize, usize), found: (usize, usize)) -> Result<(), EncodeError> {
    if found == expected {
        Ok(())
    } else {
        Err(EncodeError::CodesShape { expected, found })
    }
}
