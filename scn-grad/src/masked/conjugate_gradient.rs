//! Conjugate gradients for a whole tile at once.

use scn_solvers::{Problem, Scalar, Settings};

use super::{MaskedReport, MaskedSolver, MaskedTile};

/// Conjugate gradients on `H_LL y_L = u_L`, preconditioned by the diagonal, the active set of each column given by a mask; what has not
/// reached the tolerance when the passes end is factorised.
///
/// Products grow with the root of the condition of `H_LL`, where sweeps grow with the condition itself, but each product comes with
/// more work beside it: for coherent atoms.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaskedConjugateGradient {
    settings: Settings,
}

impl MaskedConjugateGradient {
    /// Stops at a relative residual of `settings.tolerance()`; factorises after `settings.max_passes()` products with `H`.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> MaskedSolver<T> for MaskedConjugateGradient {
    fn name(&self) -> &'static str {
        "conjugate-gradient"
    }

    fn solve(
        &self,
        problem: &Problem<T>,
        tile: &mut MaskedTile<T>,
        first_column: usize,
    ) -> MaskedReport {
        let tolerance = self.settings.tolerance();
        let products = tile.conjugate_gradients(problem, tolerance, self.settings.max_passes());
        tile.finish(problem, first_column, products, tolerance)
    }
}

/// The recurrence's own residual drifts from the true one by rounding; a restart from there mends it.
const RESTARTS: u32 = 2;

impl<T: Scalar> MaskedTile<T> {
    /// Solves from the solution as it stands. Returns the number of products. The residuals are measured.
    pub(super) fn conjugate_gradients(
        &mut self,
        problem: &Problem<T>,
        tolerance: f64,
        max_products: u32,
    ) -> u32 {
        let mut products = 0;
        for _ in 0..=RESTARTS {
            self.take_remainder(problem);
            let scale = &self.scale;
            let goal = |column: usize, _| 0.5 * tolerance * scale[column].to_f64();
            products += self.conjugate_gradients.solve(
                problem,
                &self.mask,
                &self.remainder,
                self.columns,
                goal,
                max_products - products,
            );
            let steps = self.conjugate_gradients.solution();
            for (y, &step) in self.solution.iter_mut().zip(steps) {
                *y += step;
            }
            if self.measure(problem) <= tolerance || products >= max_products {
                break;
            }
        }
        products
    }

    /// `u - H y` on the active sets.
    fn take_remainder(&mut self, problem: &Problem<T>) {
        self.remainder.resize(self.solution.len(), T::ZERO);
        scn_solvers::tile::product(problem.gram_panels(), &self.solution, &mut self.remainder);
        let entries = self
            .remainder
            .iter_mut()
            .zip(&self.right_side)
            .zip(&self.mask);
        for ((remainder, &u), &mask) in entries {
            *remainder = mask * (u - *remainder);
        }
    }
}
