//! The numbers of atoms that kernels are made for.

use crate::error::ArgumentError;

/// The largest number of atoms.
pub const MAX_ATOMS: usize = 256;

/// Atoms in the registers of a lane.
pub(crate) const ATOMS_PER_LANE: usize = 16;

/// A number of atoms that kernels are made for: 16, 32, 64, 128 or 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Padded(usize);

impl Padded {
    /// All of them.
    pub(crate) const ALL: [Padded; 5] = [
        Padded(16),
        Padded(32),
        Padded(64),
        Padded(128),
        Padded(MAX_ATOMS),
    ];

    /// The smallest that holds so many atoms.
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

    /// The number.
    pub(crate) fn atoms(self) -> usize {
        self.0
    }

    /// Lanes that hold a column.
    pub(crate) fn lanes(self) -> usize {
        self.0 / ATOMS_PER_LANE
    }

    /// `Ok` if so many atoms fit.
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
