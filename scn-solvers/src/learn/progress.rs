//! What is said while a dictionary is learned, and of the end.

use super::LearnState;

/// What signals cost over a dictionary.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LearnObjective {
    /// `1/2 ||x - D a||² + λ1'|a| + λ2/2 ||a||²`, the mean over the signals.
    pub objective: f64,
    /// Codes that are not zero, per signal.
    pub active: f64,
    /// Signals whose code misses the tolerance of the solver.
    pub unconverged: usize,
}

/// How far learning has come, after a step.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LearnProgress<'a, T> {
    /// Steps done.
    pub step: u64,
    /// Epochs that are complete.
    pub epoch: u64,
    /// Signals seen, each time counted.
    pub signals: u64,
    /// The mean objective of the signals of this step, over the dictionary before it was updated.
    pub objective: f64,
    /// Their codes that are not zero, per signal.
    pub active: f64,
    /// Atoms that some code has used since they came.
    pub atoms_used: usize,
    /// Atoms replaced so far.
    pub replaced: u64,
    /// Codes so far that missed the tolerance of the solver.
    pub unconverged: u64,
    /// The measurement that this step has completed, if it has: see [`LearnSettings`](super::LearnSettings::tolerance).
    pub measured: Option<f64>,
    /// The dictionary as it is now, and all that has to be kept to go on from here.
    pub state: &'a LearnState<T>,
}

/// Why learning stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LearnStop {
    /// The objective falls no more, as the tolerance says.
    Converged,
    /// All epochs or steps that were allowed are done.
    Budget,
    /// The callback has asked for it.
    Callback,
}

/// The result of learning.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LearnReport {
    /// Why it stopped.
    pub stop: LearnStop,
    /// Steps in all.
    pub steps: u64,
    /// Epochs that are complete.
    pub epochs: u64,
    /// Signals seen, each time counted.
    pub signals: u64,
    /// The mean objective of the held-out signals over the dictionary at the end; without such signals the last measurement,
    /// if there was one. After a stop by the callback, the last measurement in either case.
    pub objective: Option<f64>,
    /// Codes that are not zero, per signal, in the last step.
    pub active: f64,
    /// Atoms that some code has used since they came.
    pub atoms_used: usize,
    /// Atoms replaced.
    pub replaced: u64,
    /// Codes that missed the tolerance of the solver.
    pub unconverged: u64,
}
