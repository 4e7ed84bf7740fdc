//! Tiles of linear systems.

use scn_solvers::tile::{
    ConjugateGradients, MaskedSystem, SymmetricGaussSeidel, masked_residual, masked_system, padded,
};
use scn_solvers::{Problem, Scalar};

use super::MaskedReport;
use super::factor::{Factor, System};

/// A tile of linear systems, with the workspace of its solver.
///
/// Its arrays are row-major, with [`Real::tile`](scn_solvers::tile::Real::tile) columns and one row
/// per padded atom.
#[derive(Debug, Clone, Default)]
pub struct MaskedTile<T> {
    /// 1 on the active set of each column, 0 elsewhere.
    pub mask: Vec<T>,
    /// `u`, zero off the active set.
    pub right_side: Vec<T>,
    /// `y`, zero off the active set.
    pub solution: Vec<T>,
    /// Size of the active set of each column.
    pub(super) active: Vec<T>,
    /// Largest `|u|` of each column; 1 where that is 0.
    pub(super) scale: Vec<T>,
    /// Residual of each column; relative once [`measure`](Self::measure) has been called.
    pub(super) residual: Vec<T>,
    /// A row of a tile.
    pub(super) scratch: Vec<T>,
    pub(super) columns: usize,
    /// The right-hand side of sweeps.
    pub(super) swept: Vec<T>,
    /// Number of sweeps expected for the next tile, from those of the last.
    pub(super) forecast: Option<u32>,
    /// The solution at the start of a solve for a remainder.
    pub(super) start: Vec<T>,
    /// `u - H y`, the right-hand side of conjugate gradients.
    pub(super) remainder: Vec<T>,
    pub(super) conjugate_gradients: ConjugateGradients<T>,
    pub(super) symmetric_gauss_seidel: SymmetricGaussSeidel<T>,
    pub(super) factor: Factor<T>,
}

impl<T: Scalar> MaskedTile<T> {
    /// Fills the tile with the systems of some columns.
    ///
    /// The active sets are those of `codes`, and `u` is `right_side` on them. Both are tiles with
    /// one row per padded atom, with `columns` columns in use. The solution is set to zero.
    ///
    /// # Panics
    /// Panics if a slice is shorter than its tile.
    pub fn load(&mut self, problem: &Problem<T>, codes: &[T], right_side: &[T], columns: usize) {
        let width = T::tile();
        let tile = padded(problem.atoms()) * width;
        for buffer in [&mut self.mask, &mut self.right_side, &mut self.swept] {
            buffer.resize(tile, T::ZERO);
        }
        self.solution.clear();
        self.solution.resize(tile, T::ZERO);
        let rows = [
            &mut self.scale,
            &mut self.residual,
            &mut self.scratch,
            &mut self.active,
        ];
        for row in rows {
            row.resize(width, T::ZERO);
        }
        self.columns = columns;
        let system = MaskedSystem {
            mask: &mut self.mask,
            right_side: &mut self.right_side,
            swept: &mut self.swept,
            sizes: &mut self.active,
            largest: &mut self.scale,
        };
        masked_system(
            problem.operator(),
            &codes[..tile],
            &right_side[..tile],
            system,
        );
        for scale in self.scale.iter_mut().filter(|scale| **scale == T::ZERO) {
            *scale = T::ONE;
        }
    }

    /// Forgets what earlier tiles predict for later ones.
    ///
    /// Call this at the same columns every time, so that results are bit-identical whichever thread
    /// solves a tile.
    pub fn forget(&mut self) {
        self.forecast = None;
    }

    /// Returns the number of columns in use.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Measures the relative residual of each column and returns the largest.
    pub(super) fn measure(&mut self, problem: &Problem<T>) -> f64 {
        masked_residual(
            problem.operator(),
            &self.mask,
            &self.right_side,
            &self.solution,
            &mut self.residual,
            &mut self.scratch,
        );
        let mut worst = 0.0;
        for (residual, &scale) in self.residual.iter_mut().zip(&self.scale).take(self.columns) {
            *residual /= scale;
            if !(residual.to_f64() <= worst) {
                worst = residual.to_f64();
            }
        }
        worst
    }

    /// Factorises the columns that miss the tolerance, unless their active atoms are linearly
    /// dependent, and reports. The residuals must be those last measured.
    ///
    /// A factorisation leaves only rounding, which no solver can improve on, so such a column
    /// counts as converged at any tolerance.
    pub(super) fn finish(
        &mut self,
        problem: &Problem<T>,
        first_column: usize,
        passes: u32,
        tolerance: f64,
    ) -> MaskedReport {
        let (mut factorised, mut unconverged) = (0, 0);
        for column in 0..self.columns {
            if !(self.residual[column].to_f64() <= tolerance) {
                match self.factorise(problem, column) {
                    true => factorised += 1,
                    false => unconverged += 1,
                }
            }
        }
        if factorised > 0 {
            let _ = self.measure(problem);
        }
        MaskedReport {
            factorised,
            unconverged,
            ..self.report(first_column, passes)
        }
    }

    /// Returns the report of this tile, from the residuals last measured, with every column counted
    /// as converged.
    pub(super) fn report(&self, first_column: usize, passes: u32) -> MaskedReport {
        let residuals = self.residual[..self.columns].iter();
        MaskedReport::of_tile(first_column, passes, residuals.map(|r| r.to_f64()))
    }

    /// Writes the exact solution of one column. Returns false, and writes nothing, if its active
    /// atoms are linearly dependent.
    pub(super) fn factorise(&mut self, problem: &Problem<T>, column: usize) -> bool {
        let system = System {
            mask: &self.mask,
            right_side: &self.right_side,
            solution: &mut self.solution,
        };
        self.factor.solve(problem, system, column)
    }
}
