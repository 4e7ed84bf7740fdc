//! The linear system `H_LL y_L = u_L`, for many columns with different active sets L.
//!
//! The relative residual of a column is `max over L of |u - H y| / max(1e-30, max over L of |u|)`.

mod cholesky;
mod gauss_seidel;

pub use cholesky::MaskedCholesky;
pub use gauss_seidel::MaskedGaussSeidel;

use scn_solvers::tile::{padded, product};
use scn_solvers::{Problem, Scalar};

/// Below this a right-hand side counts as zero.
const SMALLEST_SCALE: f64 = 1e-30;

/// A method for the adjoint system (3). Its tolerance is its own: no outer iteration mends an error made here.
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
    ) -> AdjointReport;
}

/// What came of the adjoint solves.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdjointReport {
    /// Number of columns.
    pub columns: usize,
    /// Columns that miss the tolerance, among them those whose active atoms depend linearly on each other.
    pub unsolved: usize,
    /// Columns solved by a factorisation.
    pub factorised: usize,
    /// Most passes over a tile.
    pub passes: u32,
    /// Passes summed over columns.
    pub column_passes: u64,
    /// Largest relative residual of any column; NaN if one is not finite.
    pub residual: f64,
    /// The first column with that residual.
    pub worst_column: usize,
}

impl AdjointReport {
    /// The report on no columns.
    pub fn empty() -> Self {
        Self {
            columns: 0,
            unsolved: 0,
            factorised: 0,
            passes: 0,
            column_passes: 0,
            residual: 0.0,
            worst_column: 0,
        }
    }

    /// Whether every column met the tolerance.
    pub fn solved(&self) -> bool {
        self.unsolved == 0
    }

    /// Passes per column, on average.
    pub fn mean_passes(&self) -> f64 {
        if self.columns == 0 {
            0.0
        } else {
            self.column_passes as f64 / self.columns as f64
        }
    }

    /// The report on these columns and on later ones.
    pub fn merge(self, later: Self) -> Self {
        let later_is_worse = later.columns > 0
            && !self.residual.is_nan()
            && (self.columns == 0 || later.residual.is_nan() || later.residual > self.residual);
        let worst = if later_is_worse { later } else { self };
        Self {
            columns: self.columns + later.columns,
            unsolved: self.unsolved + later.unsolved,
            factorised: self.factorised + later.factorised,
            passes: self.passes.max(later.passes),
            column_passes: self.column_passes + later.column_passes,
            residual: worst.residual,
            worst_column: worst.worst_column,
        }
    }

    /// Counts the column whose residual is known.
    fn count(&mut self, column: usize, residual: f64, tolerance: f64) {
        let first = self.columns == 0;
        self.columns += 1;
        self.unsolved += usize::from(!(residual <= tolerance));
        if first || (!self.residual.is_nan() && !(residual <= self.residual)) {
            self.residual = residual;
            self.worst_column = column;
        }
    }
}

/// One tile of adjoint systems, row-major with [`Scalar::tile`] columns and one row per padded atom.
#[derive(Debug, Clone, Default)]
pub struct MaskedTile<T> {
    /// 1 on the active set of each column, 0 elsewhere.
    pub mask: Vec<T>,
    /// `u`, zero off the active set.
    pub right_side: Vec<T>,
    /// `y`, zero off the active set.
    pub solution: Vec<T>,
    /// `H y`.
    product: Vec<T>,
    /// One per column: the largest `|u|`.
    scale: Vec<T>,
    /// One per column.
    residual: Vec<T>,
    /// One per column: the largest step of the last sweep.
    change: Vec<T>,
    columns: usize,
}

impl<T: Scalar> MaskedTile<T> {
    /// Fills the tile: entry (j, k) of codes and cotangent is at `j * stride + k`, for `columns` columns.
    pub fn load(
        &mut self,
        problem: &Problem<T>,
        codes: &[T],
        cotangent: &[T],
        stride: usize,
        columns: usize,
    ) {
        let tile = padded(problem.atoms()) * T::tile();
        for buffer in [
            &mut self.mask,
            &mut self.right_side,
            &mut self.solution,
            &mut self.product,
        ] {
            buffer.clear();
            buffer.resize(tile, T::ZERO);
        }
        for buffer in [&mut self.scale, &mut self.residual, &mut self.change] {
            buffer.clear();
            buffer.resize(T::tile(), T::from_f64(SMALLEST_SCALE));
        }
        self.columns = columns;
        for atom in 0..problem.atoms() {
            let codes = &codes[atom * stride..][..columns];
            let cotangent = &cotangent[atom * stride..][..columns];
            let row = atom * T::tile();
            for (k, (&code, &u)) in codes.iter().zip(cotangent).enumerate() {
                if code != T::ZERO {
                    self.mask[row + k] = T::ONE;
                    self.right_side[row + k] = u;
                    // Written so that a NaN takes hold.
                    if !(u.magnitude() <= self.scale[k]) {
                        self.scale[k] = u.magnitude();
                    }
                }
            }
        }
    }

    /// Columns in use.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Fills the relative residual of each column and returns the largest.
    fn measure(&mut self, problem: &Problem<T>) -> f64 {
        product(problem.gram_panels(), &self.solution, &mut self.product);
        self.residual.fill(T::ZERO);
        let rows = self
            .right_side
            .chunks_exact(T::tile())
            .zip(self.product.chunks_exact(T::tile()));
        for ((u, hy), mask) in rows.zip(self.mask.chunks_exact(T::tile())) {
            for k in 0..T::tile() {
                let error = (mask[k] * (u[k] - hy[k])).magnitude();
                if !(error <= self.residual[k]) {
                    self.residual[k] = error;
                }
            }
        }
        let mut worst = 0.0;
        for (residual, &scale) in self.residual.iter_mut().zip(&self.scale).take(self.columns) {
            *residual /= scale;
            if !(residual.to_f64() <= worst) {
                worst = residual.to_f64();
            }
        }
        worst
    }

    /// The report on this tile, from the residuals last measured.
    fn report(&self, first_column: usize, passes: u32, tolerance: f64) -> AdjointReport {
        let mut report = AdjointReport {
            passes,
            ..AdjointReport::empty()
        };
        report.column_passes = u64::from(passes) * self.columns as u64;
        for (k, residual) in self.residual[..self.columns].iter().enumerate() {
            report.count(first_column + k, residual.to_f64(), tolerance);
        }
        report
    }
}
