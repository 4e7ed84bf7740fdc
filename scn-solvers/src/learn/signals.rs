//! What signals can be learned from.

use rayon::prelude::*;

use super::LearnError;
use crate::tile::{ColumnSource, Scalar};

/// Signals that a thread takes at a time, at least.
const LEAST: usize = 64;

/// `Ok` if these are signals to learn from: some, of `rows` entries each (as many as an atom), finite, and with squares that are finite
/// too. [`Learner`](super::Learner) checks its signals itself; this names a signal by its place among all, where only some are learned from.
///
/// # Errors
/// [`LearnError::NoSignals`], [`LearnError::SignalLength`]; [`LearnError::Signal`] or [`LearnError::SignalSize`] of the first signal
/// that is refused.
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
        // Twice as much leaves room for the rounding of sums.
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
