//! The exact solver: a Cholesky factorisation of `H_LL` per column.

use scn_solvers::{Problem, Scalar};

use super::{MaskedReport, MaskedSolver, MaskedTile};

/// The exact reference solver, which factorises `H_LL` of each column.
///
/// It is exact up to rounding, at `|L|³/6` multiply-adds per column.
///
/// A column whose active atoms are linearly dependent (possible only with λ2 = 0) has no unique
/// derivative. Its `y` is left unchanged, and it counts as unconverged.
///
/// # Example
///
/// ```
/// use faer::mat;
/// use scn_grad::{Gradients, Linearization, MaskedCholesky};
/// use scn_solvers::{ElasticNet, Problem};
///
/// // Two equal atoms are linearly dependent, unless lambda2 makes H_LL positive definite.
/// let (atoms, signal, code) = (mat![[1.0, 1.0]], mat![[2.0]], mat![[0.5], [0.5]]);
/// for (lambda2, unconverged) in [(0.0, 1), (1.0, 0)] {
///     let problem = Problem::new(atoms.as_ref(), ElasticNet::nonnegative(0.5, lambda2))?;
///     let point = Linearization::new(&problem, &signal, code.as_ref())?;
///     let mut gradients = Gradients::zeros(&problem);
///     let report = point.vjp(&MaskedCholesky, code.as_ref(), &mut gradients, None)?;
///     assert_eq!(report.unconverged, unconverged);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
