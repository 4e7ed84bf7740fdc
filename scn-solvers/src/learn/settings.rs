//! What is learned, and when learning stops.

use super::{AtomNorm, AtomSet, LearnError};
use crate::penalty::{ElasticNet, Sign};

/// When the atoms are updated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// After each batch.
    Online {
        /// Signals per step, η >= 1. The last batch of an epoch may be smaller.
        batch_size: usize,
        /// How fast early batches are forgotten, ρ >= 0: batch s weighs `(s/t)^ρ` at step t; 0 forgets nothing.
        forgetting: f64,
    },
    /// After all signals: a step is an epoch.
    Alternating,
}

/// What is learned, and when learning stops. Checked where a [`Learner`](super::Learner) is made.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `penalty` | | λ1, λ2 >= 0 | what codes cost, and their sign |
/// | `atoms` | any sign, unit ball | | which atoms are allowed |
/// | `schedule` | online, 512 signals, ρ = 8 | | when atoms are updated |
/// | `atom_passes` | 1 | >= 1 | times that a step updates every atom |
/// | `replace_after` | 10,000 | >= 1 | signals after which an unused atom is replaced; an epoch, if that is shorter |
/// | `seed` | 0 | | of all that is random |
/// | `tolerance` | 1e-3 | >= 0 | see [`tolerance`](Self::tolerance) |
/// | `measure_every` | 32,768 | >= 1 | signals between two measurements on held-out signals |
/// | `max_epochs` | none | | epochs in all, at most |
/// | `max_steps` | none | | steps in all, at most |
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LearnSettings<T> {
    /// λ1, λ2 and the sign of the codes.
    pub penalty: ElasticNet<T>,
    /// Which atoms are allowed.
    pub atoms: AtomSet,
    /// When the atoms are updated.
    pub schedule: Schedule,
    /// Times that a step updates every atom.
    pub atom_passes: usize,
    /// Signals after which an atom that none of them has used is replaced; an epoch, if that is shorter.
    pub replace_after: u64,
    /// Seed of the start and of the order of the signals.
    pub seed: u64,
    /// Learning has converged once two measurements in a row are not below `1 - tolerance` times the lowest before them.
    ///
    /// With held-out signals, their mean objective is measured over the dictionary as it then is, in the first step that
    /// completes `measure_every` signals since the last, or an epoch. Without, a measurement is the mean objective of the signals of an
    /// epoch, each over the dictionary as it was when its batch came.
    pub tolerance: f64,
    /// Signals between two measurements on held-out signals; an epoch, if that is shorter.
    pub measure_every: u64,
    /// Epochs in all, at most.
    pub max_epochs: Option<u64>,
    /// Steps in all, at most.
    pub max_steps: Option<u64>,
}

impl<T> LearnSettings<T> {
    /// The defaults, with this penalty.
    pub fn new(penalty: ElasticNet<T>) -> Self {
        Self {
            penalty,
            atoms: AtomSet {
                sign: Sign::Free,
                norm: AtomNorm::Ball,
            },
            schedule: Schedule::Online {
                batch_size: 512,
                forgetting: 8.0,
            },
            atom_passes: 1,
            replace_after: 10_000,
            seed: 0,
            tolerance: 1e-3,
            measure_every: 32_768,
            max_epochs: None,
            max_steps: None,
        }
    }

    /// The same, with other atoms allowed.
    pub fn atoms(self, atoms: AtomSet) -> Self {
        Self { atoms, ..self }
    }

    /// The same, with atoms updated at other times.
    pub fn schedule(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// The same, with so many updates of every atom in a step.
    pub fn atom_passes(self, atom_passes: usize) -> Self {
        Self {
            atom_passes,
            ..self
        }
    }

    /// The same, with unused atoms replaced after so many signals.
    pub fn replace_after(self, replace_after: u64) -> Self {
        Self {
            replace_after,
            ..self
        }
    }

    /// The same, with another seed.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same, with another [tolerance](Self::tolerance).
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The same, with so many signals between measurements on held-out ones.
    pub fn measure_every(self, measure_every: u64) -> Self {
        Self {
            measure_every,
            ..self
        }
    }

    /// The same, with so many epochs in all, at most.
    pub fn max_epochs(self, max_epochs: u64) -> Self {
        Self {
            max_epochs: Some(max_epochs),
            ..self
        }
    }

    /// The same, with so many steps in all, at most.
    pub fn max_steps(self, max_steps: u64) -> Self {
        Self {
            max_steps: Some(max_steps),
            ..self
        }
    }

    /// That every number is in its range; λ1 and λ2 are for the problem to check.
    pub(super) fn check(&self) -> Result<(), LearnError> {
        let (batch_size, forgetting) = match self.schedule {
            Schedule::Online {
                batch_size,
                forgetting,
            } => (batch_size, forgetting),
            Schedule::Alternating => (1, 0.0),
        };
        let counts = [
            ("the batch size", batch_size as u64),
            (
                "the number of passes over the atoms",
                self.atom_passes as u64,
            ),
            (
                "the number of signals after which atoms are replaced",
                self.replace_after,
            ),
            (
                "the number of signals between measurements",
                self.measure_every,
            ),
        ];
        for (setting, count) in counts {
            if count == 0 {
                return Err(LearnError::Setting {
                    setting,
                    expected: "at least 1",
                    found: 0.0,
                });
            }
        }
        for (setting, number) in [
            ("forgetting", forgetting),
            ("the tolerance", self.tolerance),
        ] {
            if !(number.is_finite() && number >= 0.0) {
                return Err(LearnError::Setting {
                    setting,
                    expected: "finite and at least 0",
                    found: number,
                });
            }
        }
        Ok(())
    }
}
