//! Why a dictionary cannot be learned.

use crate::processes::ProcessError;
use crate::{EncodeError, ProblemError};

/// Why a dictionary cannot be learned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A setting out of its range.
    #[error("{setting} must be {expected}, but is {found}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// Its range.
        expected: &'static str,
        /// The value.
        found: f64,
    },
    /// No signals, or signals of no entries.
    #[error("learning needs signals, but they are {rows} x {columns}")]
    NoSignals {
        /// Entries of a signal.
        rows: usize,
        /// Number of signals.
        columns: usize,
    },
    /// A dictionary without atoms.
    #[error("learning needs at least one atom")]
    NoAtoms,
    /// Signals of another length than the atoms.
    #[error("signals must have {expected} entries, like the atoms, but have {found}")]
    SignalLength {
        /// Rows of the dictionary.
        expected: usize,
        /// Rows of the signals.
        found: usize,
    },
    /// NaN or infinity in a signal.
    #[error("signals must be finite, but entry {row} of signal {column} is {found}")]
    Signal {
        /// The first such signal.
        column: usize,
        /// Its first such entry.
        row: usize,
        /// The value.
        found: f64,
    },
    /// A signal whose square overflows.
    #[error("signals must have a finite square, but the norm of signal {column} is {norm:e}")]
    SignalSize {
        /// The first such signal.
        column: usize,
        /// Its norm.
        norm: f64,
    },
    /// A dictionary to start from, of another shape.
    #[error("the dictionary to start from must be {expected:?} (rows, atoms), but is {found:?}")]
    Start {
        /// Shape that fits signals and atoms.
        expected: (usize, usize),
        /// Shape found.
        found: (usize, usize),
    },
    /// A state that no learner has left.
    #[error("the state does not fit: {0}")]
    State(&'static str),
    /// Codes or sums that have left the range of the numbers.
    #[error(
        "step {step} has led to numbers that are not finite; a larger lambda1 or lambda2, or smaller signals, may help"
    )]
    Overflow {
        /// The step, from 1.
        step: u64,
    },
    /// A dictionary or a penalty that poses no problem.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// Shapes that do not fit.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A process that learning is shared with has failed.
    #[error("{0}")]
    Process(#[from] ProcessError),
}
