//! The state of learning, from which it can resume.

use faer::Mat;

use super::LearnError;
use crate::tile::Scalar;

/// The state that a [`Learner`](super::Learner) keeps between steps. With the same settings, solver
/// and signals, learning resumes from it bit-identically.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnState<T> {
    /// `D`, m × n.
    pub dictionary: Mat<T>,
    /// `A`, the weighted mean of `a a'`, n × n.
    pub codes: Mat<T>,
    /// `B`, the weighted mean of `x a'`, m × n.
    pub signals: Mat<T>,
    /// For each atom, the number of signals processed when it was last active or was added.
    pub last_used: Vec<u64>,
    /// The progress of learning.
    pub counts: LearnCounts,
}

/// The progress of learning, in counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnCounts {
    /// Completed steps.
    pub steps: u64,
    /// Completed epochs.
    pub epochs: u64,
    /// Signals of the current epoch processed so far.
    pub position: u64,
    /// Signals processed, counting repeated visits.
    pub signals: u64,
    /// Replaced atoms.
    pub replaced: u64,
    /// Codes that missed the tolerance of the solver.
    pub unconverged: u64,
    /// Active entries per code in the last step.
    pub active: f64,
    /// Signals processed since the last measurement.
    pub round_signals: u64,
    /// The sum of the objectives of these signals.
    pub round_objective: f64,
    /// The last measurement; infinite before the first.
    pub measured: f64,
    /// The lowest measurement; infinite before the first.
    pub lowest: f64,
    /// Consecutive measurements that did not fall below the lowest by the tolerance.
    pub stale: u32,
}

impl Default for LearnCounts {
    /// The counts before the first step.
    fn default() -> Self {
        Self {
            steps: 0,
            epochs: 0,
            position: 0,
            signals: 0,
            replaced: 0,
            unconverged: 0,
            active: 0.0,
            round_signals: 0,
            round_objective: 0.0,
            measured: f64::INFINITY,
            lowest: f64::INFINITY,
            stale: 0,
        }
    }
}

impl<T: Scalar> LearnState<T> {
    /// Creates the state before the first step.
    pub(super) fn new(dictionary: Mat<T>) -> Self {
        let (rows, atoms) = dictionary.shape();
        Self {
            dictionary,
            codes: Mat::zeros(atoms, atoms),
            signals: Mat::zeros(rows, atoms),
            last_used: vec![0; atoms],
            counts: LearnCounts::default(),
        }
    }

    /// Checks that the arrays fit together and the sums are finite. The problem checks the
    /// dictionary.
    pub(super) fn check(&self) -> Result<(), LearnError> {
        let (rows, atoms) = self.dictionary.shape();
        if self.codes.shape() != (atoms, atoms)
            || self.signals.shape() != (rows, atoms)
            || self.last_used.len() != atoms
        {
            return Err(LearnError::State("its arrays have different sizes"));
        }
        if !self.codes.is_all_finite() || !self.signals.is_all_finite() {
            return Err(LearnError::State("its sums are not finite"));
        }
        let counts = &self.counts;
        let steps_and_signals = counts.steps <= counts.signals;
        let used = self.last_used.iter().all(|&last| last <= counts.signals);
        if !steps_and_signals || !used || counts.position > counts.signals {
            return Err(LearnError::State("its counts contradict each other"));
        }
        if counts.lowest.is_nan() || !counts.round_objective.is_finite() {
            return Err(LearnError::State("its objectives are not numbers"));
        }
        Ok(())
    }

    /// Returns the number of atoms that have been active in some code since they were added.
    pub(super) fn atoms_used(&self) -> usize {
        let atoms = 0..self.last_used.len();
        atoms.filter(|&j| self.codes[(j, j)] > T::ZERO).count()
    }
}
