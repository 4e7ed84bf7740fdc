//! Padded numbers of atoms, for which kernels are compiled.

use crate::error::ArgumentError;

/// The largest supported number of atoms.
pub const MAX_ATOMS: usize = 256;

/// Number of atoms that a lane holds in registers.
pub(crate) const ATOMS_PER_LANE: usize = 16;

/// A padded number of atoms: 16, 32, 64, 128 or 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Padded(usize);

impl Padded {
    /// All padded numbers of atoms.
    pub(crate) const ALL: [Padded; 5] = [
        Padded(16),
        Padded(32),
        Padded(64),
        Padded(128),
        Padded(MAX_ATOMS),
    ];

    /// Returns the smallest padded number that is at least `atoms`.
    pub(crate) fn of(atoms: usize) -> Result<Self, ArgumentError> {
        let fits = |padded: &Padded| (1..=padded.0).contains(&atoms);
        Self::ALL
            .into_iter()
            .find(fits)
            .ok_or(ArgumentError::Atoms {
                limit: MAX_ATOMS,
                found: atoms,
            })
    }

    pub(crate) fn atoms(self) -> usize {
        self.0
    }

    /// Number of lanes that hold a column.
    pub(crate) fn lanes(self) -> usize {
        self.0 / ATOMS_PER_LANE
    }

    /// Checks that `atoms` does not exceed the padded number.
    pub(crate) fn check(self, atoms: usize) -> Result<(), ArgumentError> {
        if atoms <= self.0 {
            Ok(())
        } else {
            Err(ArgumentError::Atoms {
                limit: self.0,
                found: atoms,
            })
        }
    }
}
