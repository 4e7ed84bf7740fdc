//! Conjugate gradients for a whole tile at once.

use scn_solvers::tile::product;
use scn_solvers::{Problem, Scalar, Settings};

use super::{MaskedReport, MaskedSolver, MaskedTile};

/// Conjugate gradients on `H_LL y_L = u_L`, the active set of each column given by a mask; what has not reached the tolerance when
/// the passes end is factorised.
///
/// Passes grow with the root of the condition of `H_LL`, where those of plain sweeps grow with the condition itself; with
/// [symmetric Gauss-Seidel](Self::with_symmetric_gauss_seidel) before each step there are half as many.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaskedConjugateGradient {
    settings: Settings,
    preconditioner: Preconditioner,
}

/// What comes before each step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Preconditioner {
    /// Division by the diagonal of `H`.
    #[default]
    Jacobi,
    /// `K K'`, where K is the lower triangle of `H_LL` scaled to a diagonal of ones.
    SymmetricGaussSeidel,
}

impl MaskedConjugateGradient {
    /// Preconditioned by the diagonal (Jacobi). Stops at a relative residual of `settings.tolerance()`; factorises after
    /// `settings.max_passes()` products with `H`.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            preconditioner: Preconditioner::Jacobi,
        }
    }

    /// Preconditioned by a sweep forward and one back, in as many multiply-adds as the product takes alone (Eisenstat,
    /// "Efficient implementation of a class of preconditioned conjugate gradient methods", SIAM J. Sci. Stat. Comput. 2 (1981)).
    pub fn with_symmetric_gauss_seidel(settings: Settings) -> Self {
        Self {
            settings,
            preconditioner: Preconditioner::SymmetricGaussSeidel,
        }
    }
}

impl<T: Scalar> MaskedSolver<T> for MaskedConjugateGradient {
    fn name(&self) -> &'static str {
        match self.preconditioner {
            Preconditioner::Jacobi => "conjugate-gradient",
            Preconditioner::SymmetricGaussSeidel => "symmetric-gauss-seidel",
        }
    }

    fn solve(
        &self,
        problem: &Problem<T>,
        tile: &mut MaskedTile<T>,
        first_column: usize,
    ) -> MaskedReport {
        let tolerance = self.settings.tolerance();
        let max_passes = self.settings.max_passes();
        let passes = tile.conjugate_gradients(problem, self.preconditioner, tolerance, max_passes);
        tile.finish(problem, first_column, passes, tolerance)
    }
}

/// Solves for what the last solve has left: the recurrence's own remainder drifts from the true one by rounding, and its size is an
/// estimate.
const REFINEMENTS: u32 = 3;

impl<T: Scalar> MaskedTile<T> {
    /// Solves. Returns the number of products with `H`, those for remainders included. The residuals are measured.
    pub(super) fn conjugate_gradients(
        &mut self,
        problem: &Problem<T>,
        preconditioner: Preconditioner,
        tolerance: f64,
        max_passes: u32,
    ) -> u32 {
        // The largest sqrt(H_jj): remainders of the scaled system are smaller by up to that.
        let diagonal = problem.diagonal().iter().map(|d| d.to_f64());
        let largest = diagonal.fold(0.0, f64::max).sqrt();
        let mut passes = 0;
        for refinement in 0..=REFINEMENTS {
            if refinement > 0 {
                self.take_remainder(problem);
                passes += 1;
            }
            let right_side = if refinement == 0 {
                &self.right_side
            } else {
                &self.remainder
            };
            let limit = max_passes.saturating_sub(passes);
            let (mask, columns, scale) = (&self.mask, self.columns, &self.scale);
            // Half of it after the first, so that what the estimate misses is made up for.
            let share = if refinement == 0 { 1.0 } else { 0.5 };
            let goal = |column: usize| share * tolerance * scale[column].to_f64();
            let steps = match preconditioner {
                Preconditioner::Jacobi => {
                    let method = &mut self.conjugate_gradients;
                    let goal = |column: usize, _| goal(column);
                    passes += method.solve(problem, mask, right_side, columns, goal, limit);
                    method.solution()
                }
                Preconditioner::SymmetricGaussSeidel => {
                    let method = &mut self.symmetric_gauss_seidel;
                    let goal = |column: usize| goal(column) / largest;
                    passes += method.solve(problem, mask, right_side, columns, goal, limit);
                    method.solution()
                }
            };
            if refinement == 0 {
                self.solution.copy_from_slice(steps);
            } else {
                for (y, &step) in self.solution.iter_mut().zip(steps) {
                    *y += step;
                }
            }
            if self.measure(problem) <= tolerance || passes >= max_passes {
                break;
            }
        }
        passes
    }

    /// `u - H y` on the active sets.
    fn take_remainder(&mut self, problem: &Problem<T>) {
        self.remainder.resize(self.solution.len(), T::ZERO);
        product(problem.gram_panels(), &self.solution, &mut self.remainder);
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
