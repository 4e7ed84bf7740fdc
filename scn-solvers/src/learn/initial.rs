//! The initial dictionary.

use faer::Mat;

use super::draws::{Purpose, normal, permute};
use super::{AtomSet, LearnError};
use crate::tile::{ColumnSource, Scalar};

/// The dictionary that learning starts from.
///
/// # Example
///
/// ```
/// use faer::mat;
/// use scn_solvers::ElasticNet;
/// use scn_solvers::learn::{DictionaryStart, LearnSettings, Learner};
///
/// // The first atom is outside the unit ball, the second is inside.
/// let start = DictionaryStart::Given(mat![[3.0, 0.5], [0.0, 0.0]]);
/// let settings = LearnSettings::new(ElasticNet::signed(0.1, 0.0));
/// let learner = Learner::new(settings, &mat![[1.0], [2.0]], 2, &start)?;
/// assert_eq!(learner.dictionary(), mat![[1.0, 0.5], [0.0, 0.0]]);
/// # Ok::<(), scn_solvers::learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum DictionaryStart<T> {
    /// Signals, drawn without repetition and scaled to norm 1, with negative entries set to zero if
    /// atoms are nonnegative. Signals of which nothing is left are skipped. If there are too few,
    /// the other atoms are random.
    Samples,
    /// Independent normal numbers, or their absolute values if atoms are nonnegative, scaled to
    /// norm 1.
    Random,
    /// This dictionary (m × n), with each atom replaced by the nearest allowed one. On the unit
    /// sphere, a zero atom is replaced by a random one.
    Given(Mat<T>),
}

impl<T: Scalar> DictionaryStart<T> {
    /// Returns the initial dictionary (m × n) for these signals.
    pub(super) fn dictionary(
        &self,
        signals: &dyn ColumnSource<T>,
        atoms: usize,
        set: AtomSet,
        seed: u64,
    ) -> Result<Mat<T>, LearnError> {
        let rows = signals.rows();
        let mut dictionary = normal::<T>(rows, atoms, seed);
        for j in 0..atoms {
            let atom = dictionary.col_as_slice_mut(j);
            if set.sign == crate::Sign::NonNegative {
                atom.iter_mut().for_each(|entry| *entry = entry.magnitude());
            }
            set.take_direction(atom);
        }
        match self {
            Self::Random => {}
            Self::Samples => {
                let mut order = Vec::new();
                permute(&mut order, signals.columns(), seed, 0, Purpose::Samples);
                let mut order = order.into_iter();
                let mut sample = vec![T::ZERO; rows];
                for j in 0..atoms {
                    let found = order.find(|&column| {
                        signals.pack(column..column + 1, &mut sample, 1);
                        set.take_direction(&mut sample)
                    });
                    if found.is_none() {
                        break;
                    }
                    dictionary.col_as_slice_mut(j).copy_from_slice(&sample);
                }
            }
            Self::Given(given) => {
                if given.shape() != (rows, atoms) {
                    return Err(LearnError::Start {
                        expected: (rows, atoms),
                        found: given.shape(),
                    });
                }
                let mut atom = vec![T::ZERO; rows];
                for j in 0..atoms {
                    atom.copy_from_slice(given.col_as_slice(j));
                    // The problem rejects atoms that are not finite.
                    let finite = atom.iter().all(|entry| entry.finite());
                    if !finite || set.take_nearest(&mut atom) {
                        dictionary.col_as_slice_mut(j).copy_from_slice(&atom);
                    }
                }
            }
        }
        Ok(dictionary)
    }
}
