//! The exact solver: a Cholesky factorisation of `H_LL` per column.

use scn_solvers::{Problem, Scalar};

use super::{MaskedReport, MaskedSolver, MaskedTile};

/// The exact reference solver, which factorises `H_LL` of each column.
///
/// It is exact up to rounding, at `|L|³/6` multiply-adds per column.
///
/// A column whose active atoms are linearly dependent (possible only with λ2 = 0) has no unique
/// derivative. Its `y` is left unchanged, and it counts as unconverged.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaskedCholesky;

impl<T: Scalar> MaskedSolver<T> for MaskedCholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }

    fn solve(
        &self,
        problem: &Problem<T>,
        tile: &mut MaskedTile<T>,
        first_column: usize,
    ) -> MaskedReport {
        let columns = tile.columns;
        let solved = (0..columns).filter(|&column| tile.factorise(problem, column));
        let factorised = solved.count();
        let _ = tile.measure(problem);
        MaskedReport {
            factorised,
            unconverged: columns - factorised,
            ..tile.report(first_column, 1)
        }
    }
}
