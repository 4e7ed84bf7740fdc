//! The tile kernel of coordinate descent, without its projection.

use scn_solvers::tile::{Outlook, masked_sweep};
use scn_solvers::{Problem, Scalar, Settings};

use super::{MaskedReport, MaskedSolver, MaskedTile};

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
    ) -> MaskedReport {
        let tolerance = self.settings.tolerance();
        let max_passes = self.settings.max_passes();
        let passes = tile.sweep(problem, tolerance, max_passes);
        tile.finish(problem, first_column, passes, tolerance)
    }
}

impl<T: Scalar> MaskedTile<T> {
    /// Sweeps until the measured residual is at most the tolerance, or the passes are over. Returns the number of sweeps. The residuals
    /// are measured in any case.
    fn sweep(&mut self, problem: &Problem<T>, tolerance: f64, max_passes: u32) -> u32 {
        for passes in 1..=max_passes {
            let last = passes == max_passes;
            let outlook = self.sweep_once(problem, tolerance, last);
            // A certificate costs a pass: it is taken when the last step was small enough for it to hold.
            if last || outlook.is_some_and(|outlook| outlook.estimate <= tolerance) {
                let residual = self.measure(problem);
                if residual <= tolerance || last {
                    return passes;
                }
                self.pace.refute(residual);
            }
        }
        max_passes
    }

    /// One sweep, measured if that is due.
    fn sweep_once(&mut self, problem: &Problem<T>, tolerance: f64, last: bool) -> Option<Outlook> {
        let measure = self.pace.due() || last;
        masked_sweep(
            problem,
            &self.mask,
            &self.right_side,
            &mut self.solution,
            measure.then_some(&mut self.change),
        );
        measure.then(|| {
            let moved = self.change.iter().zip(&self.scale);
            // Without a short cut, so that it takes a few vector operations. A NaN is left to the certificate.
            let largest = moved.fold(T::ZERO, |largest, (&change, &scale)| {
                let change = change / scale;
                if change > largest { change } else { largest }
            });
            self.pace.measured(largest.to_f64(), tolerance)
        })
    }
}
