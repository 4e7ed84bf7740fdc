//! Errors of dictionary learning.

use crate::processes::ProcessError;
use crate::{EncodeError, ProblemError};

/// The reason why a dictionary cannot be learned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A setting is out of range.
    #[error("{setting} must be {expected}, but is {found}")]
    Setting {
        /// The name of the setting.
        setting: &'static str,
        /// The allowed range.
        expected: &'static str,
        /// The value.
        found: f64,
    },
    /// There are no signals, or they have no entries.
    #[error("learning needs nonempty signals, but they are {rows} x {columns}")]
    NoSignals {
        /// Entries of a signal.
        rows: usize,
        /// Number of signals.
        columns: usize,
    },
    /// The dictionary has no atoms.
    #[error("learning needs at least one atom")]
    NoAtoms,
    /// The signals and the atoms have different lengths.
    #[error("signals must have {expected} entries, like the atoms, but have {found}")]
    SignalLength {
        /// Rows of the dictionary.
        expected: usize,
        /// Rows of the signals.
        found: usize,
    },
    /// A signal contains NaN or infinity.
    #[error("signals must be finite, but entry {row} of signal {column} is {found}")]
    Signal {
        /// The index of the first such signal.
        column: usize,
        /// The index of the first such entry.
        row: usize,
        /// The value.
        found: f64,
    },
    /// The square of a signal overflows.
    #[error("signals must have a finite squared norm, but the norm of signal {column} is {norm:e}")]
    SignalSize {
        /// The index of the first such signal.
        column: usize,
        /// The norm of the signal.
        norm: f64,
    },
    /// The initial dictionary has the wrong shape.
    #[error("the initial dictionary must be {expected:?} (rows, atoms), but is {found:?}")]
    Start {
        /// The shape that fits signals and atoms.
        expected: (usize, usize),
        /// The shape found.
        found: (usize, usize),
    },
    /// The state is inconsistent.
    #[error("the state is invalid: {0}")]
    State(&'static str),
    /// Codes or sums left the range of the numbers.
    #[error(
        "step {step} produced numbers that are not finite; a larger lambda1 or lambda2, or smaller signals, may help"
    )]
    Overflow {
        /// The number of the step, from 1.
        step: u64,
    },
    /// The dictionary or the penalty is invalid.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// Shapes do not fit.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A process that shares the learning has failed.
    #[error("{0}")]
    Process(#[from] ProcessError),
}
