//! One tile of systems.

use scn_solvers::tile::{
    ConjugateGradients, MaskedSystem, SymmetricGaussSeidel, masked_residual, masked_system, padded,
};
use scn_solvers::{Problem, Scalar};

use super::MaskedReport;
use super::factor::{Factor, System};

/// One tile of systems, row-major with [`Real::tile`](scn_solvers::tile::Real::tile) columns and one row per padded atom, and the memory of those who
/// solve it.
#[derive(Debug, Clone, Default)]
pub struct MaskedTile<T> {
    /// 1 on the active set of each column, 0 elsewhere.
    pub mask: Vec<T>,
    /// `u`, zero off the active set.
    pub right_side: Vec<T>,
    /// `y`, zero off the active set.
    pub solution: Vec<T>,
    /// One per column: the size of the active set.
    pub(super) active: Vec<T>,
    /// One per column: the largest `|u|`; 1 where that is 0.
    pub(super) scale: Vec<T>,
    /// One per column: relative once [`measure`](Self::measure) has been called.
    pub(super) residual: Vec<T>,
    /// A tile row.
    pub(super) scratch: Vec<T>,
    pub(super) columns: usize,
    /// The right side of sweeps.
    pub(super) swept: Vec<T>,
    /// Sweeps that the last tile took.
    pub(super) forecast: Option<u32>,
    /// Where a solve for a remainder began.
    pub(super) start: Vec<T>,
    /// `u - H y`, what conjugate gradients solve for.
    pub(super) remainder: Vec<T>,
    pub(super) conjugate_gradients: ConjugateGradients<T>,
    pub(super) symmetric_gauss_seidel: SymmetricGaussSeidel<T>,
    pub(super) factor: Factor<T>,
}

impl<T: Scalar> MaskedTile<T> {
    /// Fills the tile: the active sets are those of `codes`, and `u` is `right_side` on them. Both are tiles with one row
    /// per padded atom, with `columns` columns in use. The solution becomes zero.
    ///
    /// # Panics
    /// If a slice is shorter than its tile.
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

    /// Forgets what earlier tiles have taught about later ones. Call it at the same columns every time, so that the bits do not depend
    /// on who solved which tile.
    pub fn forget(&mut self) {
        self.forecast = None;
    }

    /// Columns in use.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Fills the relative residual of each column and returns the largest.
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

    /// Factorises the columns that miss the tolerance, as far as their active atoms are independent of each other, and
    /// reports. The residuals are those last measured.
    ///
    /// What a factorisation leaves is rounding, which no method undercuts: such a column is solved at any tolerance.
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

    /// The report on this tile, from the residuals last measured, with every column counted as solved.
    pub(super) fn report(&self, first_column: usize, passes: u32) -> MaskedReport {
        let residuals = self.residual[..self.columns].iter();
        MaskedReport::of_tile(first_column, passes, residuals.map(|r| r.to_f64()))
    }

    /// Writes the exact solution of one column. False, and nothing written, if its active atoms depend linearly on each other.
    pub(super) fn factorise(&mut self, problem: &Problem<T>, column: usize) -> bool {
        let system = System {
            mask: &self.mask,
            right_side: &self.right_side,
            solution: &mut self.solution,
        };
        self.factor.solve(problem, system, column)
    }
}
