//! Exact: a Cholesky factorisation of `H_LL` per column.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use scn_solvers::{Problem, Scalar};

use super::{AdjointReport, MaskedSolver, MaskedTile};

/// Factorises `H_LL` of each column: exact to rounding at `|L|³/3` multiply-adds per column, the reference.
///
/// A column whose active atoms depend linearly on each other (possible only with λ2 = 0) has no unique derivative; its `y`
/// is left at zero and it counts as unsolved.
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
    ) -> AdjointReport {
        let singular: Vec<bool> = (0..tile.columns)
            .map(|column| !factorise(problem, tile, column))
            .collect();
        let _ = tile.measure(problem);
        let mut report = tile.report(first_column, 1, f64::INFINITY);
        report.factorised = report.columns;
        report.unsolved += singular.iter().filter(|&&singular| singular).count();
        report
    }
}

/// Writes the exact solution of one column. False, and nothing written, if its active atoms depend linearly on each other.
pub(super) fn factorise<T: Scalar>(
    problem: &Problem<T>,
    tile: &mut MaskedTile<T>,
    column: usize,
) -> bool {
    let active: Vec<usize> = (0..problem.atoms())
        .filter(|&j| tile.mask[j * T::tile() + column] != T::ZERO)
        .collect();
    let size = active.len();
    if size == 0 {
        return true;
    }
    let gram = Mat::from_fn(size, size, |p, q| problem.gram()[(active[p], active[q])]);
    let Ok(factor) = gram.llt(Side::Lower) else {
        return false;
    };
    let smallest = T::from_f64(8.0 * size as f64) * T::EPSILON;
    let lower = factor.L();
    if (0..size).any(|k| !(lower[(k, k)] * lower[(k, k)] > smallest * gram[(k, k)])) {
        return false;
    }
    let mut solution = Mat::from_fn(size, 1, |p, _| {
        tile.right_side[active[p] * T::tile() + column]
    });
    factor.solve_in_place(solution.as_mut());
    for (p, &j) in active.iter().enumerate() {
        tile.solution[j * T::tile() + column] = solution[(p, 0)];
    }
    true
}
