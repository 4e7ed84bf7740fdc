//! The signals that dictionaries can be learned from.

use rayon::prelude::*;

use super::LearnError;
use crate::tile::{ColumnSource, Scalar};

/// Minimum number of signals per task.
const LEAST: usize = 64;

/// Checks that signals can be learned from.
///
/// There must be at least one signal of `rows` entries (the length of an atom), and all signals and
/// their squares must be finite. [`Learner`](super::Learner) checks its signals itself; this
/// function names a signal by its index among all signals, if only some of them are learned from.
///
/// # Errors
/// Returns [`LearnError::NoSignals`] or [`LearnError::SignalLength`] if the shape does not fit, and
/// [`LearnError::Signal`] or [`LearnError::SignalSize`] for the first signal that is rejected.
///
/// # Example
///
/// ```
/// use faer::mat;
/// use scn_solvers::learn::{LearnError, check_signals};
///
/// let signals = mat![[1.0, 2.0, 3.0], [0.0, 1.0, f64::INFINITY]];
/// let found = f64::INFINITY;
/// assert_eq!(check_signals(&signals, 2), Err(LearnError::Signal { column: 2, row: 1, found }));
/// assert_eq!(check_signals(&signals.subcols(0, 2), 2), Ok(()));
/// let (expected, found) = (3, 2);
/// assert_eq!(check_signals(&signals, 3), Err(LearnError::SignalLength { expected, found }));
/// ```
pub fn check_signals<T: Scalar>(
    signals: &dyn ColumnSource<T>,
    rows: usize,
) -> Result<(), LearnError> {
    let (found, columns) = (signals.rows(), signals.columns());
    if found == 0 || columns == 0 {
        return Err(LearnError::NoSignals {
            rows: found,
            columns,
        });
    }
    if found != rows {
        return Err(LearnError::SignalLength {
            expected: rows,
            found,
        });
    }
    let wrong = |column: usize, signal: &mut Vec<T>| {
        signal.resize(rows, T::ZERO);
        signals.pack(column..column + 1, signal, 1);
        if let Some(row) = signal.iter().position(|value| !value.finite()) {
            let found = signal[row].to_f64();
            return Some(LearnError::Signal { column, row, found });
        }
        let square = signal.iter().map(|value| value.to_f64() * value.to_f64());
        let square: f64 = square.sum();
        // The factor of two leaves room for the rounding of sums.
        let norm = square.sqrt();
        (!T::from_f64(2.0 * square).finite()).then_some(LearnError::SignalSize { column, norm })
    };
    let columns = (0..columns).into_par_iter().with_min_len(LEAST);
    let first = columns.map_init(Vec::new, |signal, column| wrong(column, signal));
    first
        .find_first(Option::is_some)
        .flatten()
        .map_or(Ok(()), Err)
}
