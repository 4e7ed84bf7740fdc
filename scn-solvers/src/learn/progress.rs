//! Reports during and after learning.

use super::LearnState;

/// The objective of signals over a dictionary.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LearnObjective {
    /// The mean of `1/2 ||x - D a||² + λ1'|a| + λ2/2 ||a||²` over the signals.
    pub objective: f64,
    /// Active entries per code.
    pub active: f64,
    /// Number of signals whose codes miss the tolerance of the solver.
    pub unconverged: usize,
}

/// The progress of learning after a step.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LearnProgress<'a, T> {
    /// Completed steps.
    pub step: u64,
    /// Completed epochs.
    pub epoch: u64,
    /// Signals processed, counting repeated visits.
    pub signals: u64,
    /// The mean objective of the signals of this step, over the dictionary before its update.
    pub objective: f64,
    /// Active entries per code in this step.
    pub active: f64,
    /// Atoms that have been active in some code since they were added.
    pub atoms_used: usize,
    /// Atoms replaced so far.
    pub replaced: u64,
    /// Codes so far that missed the tolerance of the solver.
    pub unconverged: u64,
    /// The measurement that this step completed, if any; see
    /// [`LearnSettings::tolerance`](super::LearnSettings::tolerance).
    pub measured: Option<f64>,
    /// The current dictionary, and everything else that is needed to resume from here.
    pub state: &'a LearnState<T>,
}

/// The reason why learning stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LearnStop {
    /// The objective no longer falls by the [tolerance](super::LearnSettings::tolerance).
    Converged,
    /// The maximum number of epochs or steps was reached.
    Budget,
    /// The callback requested it.
    Callback,
}

/// The result of learning.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LearnReport {
    /// Why learning stopped.
    pub stop: LearnStop,
    /// Completed steps.
    pub steps: u64,
    /// Completed epochs.
    pub epochs: u64,
    /// Signals processed, counting repeated visits.
    pub signals: u64,
    /// The mean objective of the held-out signals over the final dictionary. Without held-out
    /// signals, or if the callback stopped learning, it is the last measurement, if any.
    pub objective: Option<f64>,
    /// Active entries per code in the last step.
    pub active: f64,
    /// Atoms that have been active in some code since they were added.
    pub atoms_used: usize,
    /// Replaced atoms.
    pub replaced: u64,
    /// Codes that missed the tolerance of the solver.
    pub unconverged: u64,
}
