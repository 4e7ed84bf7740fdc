//! The linear system `H_LL y_L = u_L`, for many columns with different active sets L.
//!
//! The relative residual of a column is `max over L of |u - H y| / max over L of |u|`, 0 where u is.

mod auto;
mod cholesky;
mod conjugate_gradient;
mod gauss_seidel;
mod report;

pub use auto::MaskedAuto;
pub use cholesky::MaskedCholesky;
pub use conjugate_gradient::MaskedConjugateGradient;
pub use gauss_seidel::MaskedGaussSeidel;
pub use report::{AdjointTimes, MaskedReport};

use scn_solvers::tile::{
    ConjugateGradients, MaskedSystem, SymmetricGaussSeidel, masked_residual, masked_system, padded,
};
use scn_solvers::{Problem, Scalar};

use self::cholesky::Factor;

/// A method for the system (3). Its tolerance is its own: no outer iteration mends an error made here.
pub trait MaskedSolver<T: Scalar>: Send + Sync + std::fmt::Debug {
    /// A short name, as in settings.
    fn name(&self) -> &'static str;

    /// Solves every column of a tile that [`MaskedTile::load`] has filled. `first_column` is where the tile stands in
    /// the batch.
    fn solve(
        &self,
        problem: &Problem<T>,
        tile: &mut MaskedTile<T>,
        first_column: usize,
    ) -> MaskedReport;
}

/// One tile of systems, row-major with [`Scalar::tile`] columns and one row per padded atom, and the memory of those who
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
    active: Vec<T>,
    /// One per column: the largest `|u|`; 1 where that is 0.
    scale: Vec<T>,
    /// One per column: relative once [`measure`](Self::measure) has been called.
    residual: Vec<T>,
    /// A tile row.
    scratch: Vec<T>,
    columns: usize,
    /// The right side of sweeps.
    swept: Vec<T>,
    /// Sweeps that the last tile took.
    forecast: Option<u32>,
    /// Where a solve for a remainder began.
    start: Vec<T>,
    /// `u - H y`, what conjugate gradients solve for.
    remainder: Vec<T>,
    conjugate_gradients: ConjugateGradients<T>,
    symmetric_gauss_seidel: SymmetricGaussSeidel<T>,
    factor: Factor<T>,
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
        masked_system(problem, &codes[..tile], &right_side[..tile], system);
        for scale in self.scale.iter_mut().filter(|scale| **scale == T::ZERO) {
            *scale = T::ONE;
        }
    }

    /// Forgets what the tiles before have told about those to come. For the same bits whoever solved what before, that is to be done
    /// at the same columns always.
    pub fn forget(&mut self) {
        self.forecast = None;
    }

    /// Columns in use.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Fills the relative residual of each column and returns the largest.
    fn measure(&mut self, problem: &Problem<T>) -> f64 {
        masked_residual(
            problem,
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
    fn finish(
        &mut self,
        problem: &Problem<T>,
        first_column: usize,
        passes: u32,
        tolerance: f64,
    ) -> MaskedReport {
        let (mut factorised, mut unsolved) = (0, 0);
        for column in 0..self.columns {
            if !(self.residual[column].to_f64() <= tolerance) {
                match self.factorise(problem, column) {
                    true => factorised += 1,
                    false => unsolved += 1,
                }
            }
        }
        if factorised > 0 {
            let _ = self.measure(problem);
        }
        MaskedReport {
            factorised,
            unsolved,
            ..self.report(first_column, passes)
        }
    }

    /// The report on this tile, from the residuals last measured, with every column counted as solved.
    fn report(&self, first_column: usize, passes: u32) -> MaskedReport {
        let residuals = self.residual[..self.columns].iter();
        MaskedReport::of_tile(first_column, passes, residuals.map(|r| r.to_f64()))
    }
}
