//! What is kept of learning, to go on with it.

use faer::Mat;

use super::LearnError;
use crate::tile::Scalar;

/// What a [`Learner`](super::Learner) keeps between steps. With the same settings, solver and signals it goes on from here to the
/// same bits.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnState<T> {
    /// `D`, m × n.
    pub dictionary: Mat<T>,
    /// `A`, the weighted mean of `a a'`, n × n.
    pub codes: Mat<T>,
    /// `B`, the weighted mean of `x a'`, m × n.
    pub signals: Mat<T>,
    /// For each atom the number of signals seen when a code last used it, or when it came.
    pub last_used: Vec<u64>,
    /// How far learning has come.
    pub counts: LearnCounts,
}

/// How far learning has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnCounts {
    /// Steps done.
    pub steps: u64,
    /// Epochs that are complete.
    pub epochs: u64,
    /// Signals of the present epoch that are done.
    pub position: u64,
    /// Signals seen, each time counted.
    pub signals: u64,
    /// Atoms replaced.
    pub replaced: u64,
    /// Codes that missed the tolerance of the solver.
    pub unconverged: u64,
    /// Codes that are not zero, per signal, in the last step.
    pub active: f64,
    /// Signals since the last measurement.
    pub round_signals: u64,
    /// Their objectives, added up.
    pub round_objective: f64,
    /// The last measurement; infinite before the first.
    pub measured: f64,
    /// The lowest measurement; infinite before the first.
    pub lowest: f64,
    /// Measurements in a row that were not below the lowest as far as the tolerance asks.
    pub stale: u32,
}

impl Default for LearnCounts {
    /// Before the first step.
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
    /// Before the first step.
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

    /// That the arrays fit together and are finite; the dictionary is for the problem to check.
    pub(super) fn check(&self) -> Result<(), LearnError> {
        let (rows, atoms) = self.dictionary.shape();
        if self.codes.shape() != (atoms, atoms)
            || self.signals.shape() != (rows, atoms)
            || self.last_used.len() != atoms
        {
            return Err(LearnError::State("its arrays are of different sizes"));
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

    /// Atoms that some code has used since they came.
    pub(super) fn atoms_used(&self) -> usize {
        let atoms = 0..self.last_used.len();
        atoms.filter(|&j| self.codes[(j, j)] > T::ZERO).count()
    }
}
