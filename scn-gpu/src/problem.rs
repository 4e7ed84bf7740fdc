//! What depends only on dictionary and penalty, computed once per step.

use crate::buffer::{View, expect_len};
use crate::launch::launch;
use crate::launch::prepare::{GramMatrix, PackDictionary};
use crate::windows::int;
use crate::{Buffer, Context, GpuError};

/// The largest number of atoms.
pub const MAX_ATOMS: usize = 256;

/// Atoms in the registers of a lane.
pub(crate) const ATOMS_PER_LANE: usize = 16;

/// A number of atoms that kernels are made for: 16, 32, 64, 128 or 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Padded(usize);

impl Padded {
    /// The numbers that there are.
    pub(crate) const ALL: [Padded; 5] =
        [Padded(16), Padded(32), Padded(64), Padded(128), Padded(256)];

    /// The smallest that holds so many atoms.
    fn of(atoms: usize) -> Result<Self, GpuError> {
        let fits = |padded: &Padded| (1..=padded.0).contains(&atoms);
        Self::ALL.into_iter().find(fits).ok_or(GpuError::Atoms {
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
    pub(crate) fn check(self, atoms: usize) -> Result<(), GpuError> {
        if atoms <= self.0 {
            Ok(())
        } else {
            Err(GpuError::Atoms {
                limit: self.0,
                found: atoms,
            })
        }
    }
}

/// A dictionary `D` (m × n) and a penalty λ1, λ2 on a device, with what solvers need of them: `H = D'D + λ2 I`, `1 / H_jj` and the
/// dictionary in the order in which kernels read it. Codes are nonnegative.
#[derive(Debug)]
pub struct Problem {
    pub(crate) rows: usize,
    pub(crate) atoms: usize,
    pub(crate) padded: Padded,
    pub(crate) dictionary: Buffer<f32>,
    pub(crate) panels: Buffer<f32>,
    pub(crate) gram: Buffer<f32>,
    pub(crate) inverse_diagonal: Buffer<f32>,
    /// One per padded atom.
    pub(crate) lambda1: Buffer<f32>,
    pub(crate) context: Context,
}

impl Problem {
    /// Room for a problem of this shape; [`update`](Self::update) fills it.
    ///
    /// # Errors
    /// More atoms than [`MAX_ATOMS`], none at all, or no memory.
    pub fn new(context: &Context, rows: usize, atoms: usize) -> Result<Self, GpuError> {
        let padded = Padded::of(atoms)?;
        let wide = padded.atoms();
        Ok(Self {
            rows,
            atoms,
            padded,
            dictionary: context.zeros(rows * atoms)?,
            panels: context.zeros(rows * wide)?,
            gram: context.zeros(wide * wide)?,
            inverse_diagonal: context.zeros(wide)?,
            lambda1: context.zeros(wide)?,
            context: context.clone(),
        })
    }

    /// Takes a dictionary (m × n, row by row), λ1 (one, or one per atom) and λ2 (one number), and derives the rest. What is not
    /// finite shows up in the reports of the solves.
    ///
    /// # Errors
    /// Other lengths than those of the problem.
    pub fn update(
        &mut self,
        dictionary: View<'_, f32>,
        lambda1: View<'_, f32>,
        lambda2: View<'_, f32>,
    ) -> Result<(), GpuError> {
        let rows = int("the number of rows", self.rows)?;
        let (atoms, padded) = (self.atoms as i32, self.padded.atoms() as i32);
        expect_len("the dictionary", self.rows * self.atoms, dictionary.len())?;
        self.dictionary.copy_from(dictionary)?;
        let pack = PackDictionary {
            dictionary: self.dictionary.view(),
            rows,
            atoms,
            padded,
            panels: self.panels.view_mut(),
        };
        launch(&self.context, &pack)?;
        let gram = GramMatrix {
            dictionary: self.dictionary.view(),
            lambda1,
            lambda1_count: int("the length of lambda1", lambda1.len())?,
            lambda2,
            rows,
            atoms,
            padded,
            gram: self.gram.view_mut(),
            inverse_diagonal: self.inverse_diagonal.view_mut(),
            padded_lambda1: self.lambda1.view_mut(),
        };
        launch(&self.context, &gram)
    }

    /// Length of signals and atoms: m.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of atoms: n.
    pub fn atoms(&self) -> usize {
        self.atoms
    }

    /// The dictionary of the last update, m × n, row by row.
    pub fn dictionary(&self) -> &Buffer<f32> {
        &self.dictionary
    }

    /// Where it is.
    pub fn context(&self) -> &Context {
        &self.context
    }
}
