//! The tile kernel of coordinate descent, without its projection.

use scn_solvers::tile::masked_sweep;
use scn_solvers::{Problem, Scalar, Settings};

use super::cholesky::factorise;
use super::{AdjointReport, MaskedSolver, MaskedTile};

/// Gauss-Seidel sweeps over a whole tile at once, the active set of each column given by a mask; what has not reached the
/// tolerance when the passes end is factorised, so that coherent atoms cost time, not accuracy.
///
/// `H_LL` is positive definite, so the sweeps converge (Golub and Van Loan, "Matrix computations", theorem 11.2.3 of the
/// fourth edition), as fast as the forward solve does once it has found its active set.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaskedGaussSeidel {
    settings: Settings,
}

impl MaskedGaussSeidel {
    /// Stops at a relative residual of `settings.tolerance()`; factorises after `settings.max_passes()`.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> MaskedSolver<T> for MaskedGaussSeidel {
    fn name(&self) -> &'static str {
        "gauss-seidel"
    }

    fn solve(
        &self,
        problem: &Problem<T>,
        tile: &mut MaskedTile<T>,
        first_column: usize,
    ) -> AdjointReport {
        let tolerance = self.settings.tolerance();
        let mut passes = 0;
        loop {
            masked_sweep(
                problem,
                &tile.mask,
                &tile.right_side,
                &mut tile.solution,
                &mut tile.change,
            );
            passes += 1;
            let last = passes == self.settings.max_passes();
            let moved = tile
                .change
                .iter()
                .zip(&tile.scale)
                .map(|(&change, &scale)| (change / scale).to_f64());
            // A certificate costs a pass: it is taken when the last step was small enough for it to hold.
            if last || moved.fold(0.0, f64::max) <= tolerance {
                let residual = tile.measure(problem);
                if last || residual <= tolerance {
                    break;
                }
            }
        }
        // What a factorisation leaves is rounding, which no method undercuts: such a column is solved at any tolerance.
        let missed =
            |tile: &MaskedTile<T>, column: usize| !(tile.residual[column].to_f64() <= tolerance);
        let mut factorised = 0;
        let mut unsolved = 0;
        for column in 0..tile.columns {
            if missed(tile, column) {
                match factorise(problem, tile, column) {
                    true => factorised += 1,
                    false => unsolved += 1,
                }
            }
        }
        if factorised > 0 {
            let _ = tile.measure(problem);
        }
        AdjointReport {
            factorised,
            unsolved,
            ..tile.report(first_column, passes, tolerance)
        }
    }
}
