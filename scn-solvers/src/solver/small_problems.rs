//! Side-by-side solution of problems with few atoms each.

use crate::problem::Problem;
use crate::tile::Scalar;
use crate::tile::kernels::SmallSweeps;

/// Maximum number of atoms of a problem.
pub(super) const CAPACITY: usize = 48;

/// Sweeps per measurement of the change of the codes.
pub(super) const SWEEPS: u32 = 4;

/// Small problems side by side, one per column of the tile; see [`SmallSweeps`].
#[derive(Debug, Clone, Default)]
pub(super) struct SmallProblems<T> {
    gram: Vec<T>,
    inverse_diagonal: Vec<T>,
    diagonal: Vec<T>,
    lambda1: Vec<T>,
    pub(super) descent: Vec<T>,
    pub(super) codes: Vec<T>,
    /// One entry per column, like `goal`.
    pub(super) change: Vec<T>,
    pub(super) goal: Vec<T>,
}

impl<T: Scalar> SmallProblems<T> {
    /// Removes all atoms from all columns.
    pub(super) fn clear(&mut self) {
        let width = T::tile();
        self.gram.resize(CAPACITY * CAPACITY * width, T::ZERO);
        for rows in [
            &mut self.inverse_diagonal,
            &mut self.diagonal,
            &mut self.lambda1,
            &mut self.descent,
            &mut self.codes,
        ] {
            rows.clear();
            rows.resize(CAPACITY * width, T::ZERO);
        }
        self.change.clear();
        self.change.resize(width, T::ZERO);
        self.goal.clear();
        self.goal.resize(width, T::INFINITY);
    }

    /// Adds an atom with a code to the problem of a column, whose present atoms are `atoms`.
    pub(super) fn add(
        &mut self,
        problem: &Problem<T>,
        column: usize,
        atoms: &[u32],
        atom: u32,
        code: T,
    ) {
        let width = T::tile();
        let operator = problem.operator();
        let (place, j) = (atoms.len(), atom as usize);
        let length = operator.row_length();
        let row = &operator.gram_rows()[j * length..(j + 1) * length];
        for (other, &i) in atoms.iter().enumerate() {
            let entry = row[i as usize];
            self.gram[(place * CAPACITY + other) * width + column] = entry;
            self.gram[(other * CAPACITY + place) * width + column] = entry;
        }
        self.gram[(place * CAPACITY + place) * width + column] = row[j];
        let at = place * width + column;
        self.inverse_diagonal[at] = problem.inverse_diagonal()[j];
        self.diagonal[at] = row[j];
        self.lambda1[at] = problem.lambda1()[j];
        self.codes[at] = code;
    }

    pub(super) fn sweep(&mut self, signed: bool, size: usize) {
        T::small_sweeps(SmallSweeps {
            signed,
            size,
            capacity: CAPACITY,
            gram: &self.gram,
            inverse_diagonal: &self.inverse_diagonal,
            diagonal: &self.diagonal,
            lambda1: &self.lambda1,
            descent: &mut self.descent,
            codes: &mut self.codes,
            sweeps: SWEEPS,
            change: &mut self.change,
        });
    }
}
