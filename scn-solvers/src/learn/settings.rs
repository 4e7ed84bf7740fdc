//! The settings of learning.

use super::{AtomNorm, AtomSet, LearnError};
use crate::penalty::{ElasticNet, Sign};

/// When the atoms are updated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// After each batch.
    Online {
        /// Signals per step, η >= 1. The last batch of an epoch may be smaller.
        batch_size: usize,
        /// How fast early batches are forgotten, ρ >= 0: batch s has weight `(s/t)^ρ` at step t,
        /// and 0 forgets nothing.
        forgetting: f64,
    },
    /// After all signals. A step is an epoch.
    Alternating,
}

/// The settings of learning, checked when a [`Learner`](super::Learner) is created.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `penalty` | | λ1, λ2 >= 0 | the penalty on codes, and their sign |
/// | `atoms` | any sign, unit ball | | the set of allowed atoms |
/// | `schedule` | online, 512 signals, ρ = 8 | | when atoms are updated |
/// | `atom_passes` | 1 | >= 1 | updates of every atom per step |
/// | `replace_after` | 10,000 | >= 1 | signals after which an inactive atom is replaced; an epoch, if that is shorter |
/// | `seed` | 0 | | seed of all random choices |
/// | `tolerance` | 1e-3 | >= 0 | see [`tolerance`](Self::tolerance) |
/// | `measure_every` | 32,768 | >= 1 | signals between two measurements on held-out signals |
/// | `max_epochs` | none | | maximum number of epochs |
/// | `max_steps` | none | | maximum number of steps |
///
/// # Example
///
/// ```
/// use std::ops::ControlFlow;
/// use faer::Mat;
/// use scn_solvers::learn::{AtomNorm, AtomSet, DictionaryStart, LearnSettings, Learner, Schedule};
/// use scn_solvers::{Auto, ElasticNet, Sign};
///
/// // Nonnegative sparse coding.
/// let set = AtomSet { sign: Sign::NonNegative, norm: AtomNorm::Sphere };
/// let settings = LearnSettings::new(ElasticNet::nonnegative(0.1, 0.0)).atoms(set);
/// let settings = settings.schedule(Schedule::Alternating).max_epochs(3);
/// let signals = Mat::<f64>::from_fn(4, 30, |i, k| ((i * k) as f64).sin().abs());
/// let mut learner = Learner::new(settings, &signals, 5, &DictionaryStart::Random)?;
/// let report = learner.run(&Auto::default(), &signals, None, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!((report.steps, report.epochs, report.signals), (3, 3, 90));
/// assert!(learner.dictionary().col_iter().flat_map(|atom| atom.iter()).all(|&d| d >= 0.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LearnSettings<T> {
    /// λ1, λ2 and the sign of the codes.
    pub penalty: ElasticNet<T>,
    /// The set of allowed atoms.
    pub atoms: AtomSet,
    /// When the atoms are updated.
    pub schedule: Schedule,
    /// Number of updates of every atom per step.
    pub atom_passes: usize,
    /// Number of signals after which an inactive atom is replaced; an epoch, if that is shorter.
    pub replace_after: u64,
    /// The seed of the initial dictionary and of the order of the signals.
    pub seed: u64,
    /// The relative decrease of the objective below which learning has converged: two consecutive
    /// measurements are not below `1 - tolerance` times the lowest before them.
    ///
    /// With held-out signals, a measurement is their mean objective over the current dictionary. It
    /// is taken at the first step that completes an epoch, or `measure_every` signals since the
    /// last measurement. Without them, a measurement is the mean objective of the signals of an
    /// epoch, each over the dictionary at the time of its batch.
    pub tolerance: f64,
    /// Number of signals between two measurements on held-out signals; an epoch, if that is
    /// shorter.
    pub measure_every: u64,
    /// Maximum number of epochs in total.
    pub max_epochs: Option<u64>,
    /// Maximum number of steps in total.
    pub max_steps: Option<u64>,
}

impl<T> LearnSettings<T> {
    /// Creates settings with this penalty and defaults for the rest.
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

    /// Sets the allowed atoms.
    pub fn atoms(self, atoms: AtomSet) -> Self {
        Self { atoms, ..self }
    }

    /// Sets when atoms are updated.
    pub fn schedule(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// Sets the number of updates of every atom per step.
    pub fn atom_passes(self, atom_passes: usize) -> Self {
        Self {
            atom_passes,
            ..self
        }
    }

    /// Sets the number of signals after which an inactive atom is replaced.
    pub fn replace_after(self, replace_after: u64) -> Self {
        Self {
            replace_after,
            ..self
        }
    }

    /// Sets the seed.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets the [tolerance](Self::tolerance).
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// Sets the number of signals between measurements on held-out signals.
    pub fn measure_every(self, measure_every: u64) -> Self {
        Self {
            measure_every,
            ..self
        }
    }

    /// Sets the maximum number of epochs in total.
    pub fn max_epochs(self, max_epochs: u64) -> Self {
        Self {
            max_epochs: Some(max_epochs),
            ..self
        }
    }

    /// Sets the maximum number of steps in total.
    pub fn max_steps(self, max_steps: u64) -> Self {
        Self {
            max_steps: Some(max_steps),
            ..self
        }
    }

    /// Checks that every number is in its range. The problem checks λ1 and λ2.
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
