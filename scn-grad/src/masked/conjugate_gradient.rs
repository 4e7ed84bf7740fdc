//! Conjugate gradients for a whole tile at once.

use scn_solvers::tile::product;
use scn_solvers::{Problem, Scalar, Settings};

use super::{MaskedReport, MaskedSolver, MaskedTile};

/// Conjugate gradients on `H_LL y_L = u_L` for a whole tile, with active sets given by masks.
///
/// Columns that have not reached the tolerance when the passes are used up are factorised.
///
/// The number of passes grows with the root of the condition number of `H_LL`; that of plain sweeps
/// grows with the condition number itself. [Symmetric
/// Gauss-Seidel](Self::with_symmetric_gauss_seidel) before each step halves the number.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaskedConjugateGradient {
    settings: Settings,
    preconditioner: Preconditioner,
}

/// The preconditioner that is applied before each step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Preconditioner {
    /// Division by the diagonal of `H`.
    #[default]
    Jacobi,
    /// `K K'`, where K is the lower triangle of `H_LL` scaled to a diagonal of ones.
    SymmetricGaussSeidel,
}

impl MaskedConjugateGradient {
    /// Creates a solver preconditioned by the diagonal (Jacobi).
    ///
    /// It stops at a relative residual of `settings.tolerance()`, and factorises after
    /// `settings.max_passes()` products with `H`.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::{Mat, mat};
    /// use scn_grad::{Gradients, Linearization, MaskedConjugateGradient};
    /// use scn_solvers::{ElasticNet, Problem, Settings};
    ///
    /// // H y = u with H = (1, 0.6; 0.6, 1) and u = (1.6, 1.6) has the solution y = (1, 1).
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.4, 0.0))?;
    /// let (signal, code, u) = (mat![[2.0], [1.0]], mat![[1.0], [1.0]], mat![[1.6], [1.6]]);
    /// let point = Linearization::new(&problem, &signal, code.as_ref())?;
    /// let (mut gradients, mut of_signal) = (Gradients::zeros(&problem), Mat::zeros(2, 1));
    /// let solver = MaskedConjugateGradient::new(Settings::new(1e-10, 100)?);
    /// let out = Some(of_signal.as_mut());
    /// assert!(point.vjp(&solver, u.as_ref(), &mut gradients, out)?.converged());
    /// assert_abs_diff_eq!(of_signal.col_as_slice(0)[..], [1.6, 0.8][..], epsilon = 1e-8); // D y
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            preconditioner: Preconditioner::Jacobi,
        }
    }

    /// Creates a solver preconditioned by a forward and a backward sweep.
    ///
    /// A step takes as many multiply-adds as the product alone (Eisenstat, "Efficient
    /// implementation of a class of preconditioned conjugate gradient methods", SIAM J. Sci. Stat.
    /// Comput. 2 (1981)).
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
        let passes =
            tile.conjugate_gradients(problem, self.preconditioner, tolerance, max_passes, false);
        tile.finish(problem, first_column, passes, tolerance)
    }
}

/// Maximum number of further solves, each for the true remainder, from which the remainder of the
/// recurrence drifts by rounding.
const REFINEMENTS: u32 = 3;

/// A solve that misses its goal by at most this factor was misled by its estimate, not by rounding,
/// and continues.
const MISJUDGED: f64 = 4.0;

impl<T: Scalar> MaskedTile<T> {
    /// Solves from zero, or from the current solution if `begun`. Measures the residuals and
    /// returns the number of products with `H`, including those for remainders.
    pub(super) fn conjugate_gradients(
        &mut self,
        problem: &Problem<T>,
        preconditioner: Preconditioner,
        tolerance: f64,
        max_passes: u32,
        begun: bool,
    ) -> u32 {
        let mut passes = 0;
        for refinement in 0..=REFINEMENTS {
            if begun || refinement > 0 {
                self.take_remainder(problem);
                passes += 1;
            } else {
                self.remainder.clone_from(&self.right_side);
            }
            let limit = max_passes.saturating_sub(passes);
            // Aim lower after the first solve, to make up for the error of the estimate.
            let aim = if refinement == 0 { 1.0 } else { 0.5 } * tolerance;
            let (more, worst) = match preconditioner {
                Preconditioner::Jacobi => self.add_solution(problem, aim, limit),
                Preconditioner::SymmetricGaussSeidel => {
                    self.add_preconditioned_solution(problem, aim, tolerance, limit)
                }
            };
            passes += more;
            if worst <= tolerance || passes >= max_passes {
                break;
            }
        }
        passes
    }

    /// Adds `H^-1` times the remainder, computed by plain conjugate gradients. Returns the number
    /// of products and the largest residual afterwards.
    fn add_solution(&mut self, problem: &Problem<T>, aim: f64, limit: u32) -> (u32, f64) {
        let method = &mut self.conjugate_gradients;
        let (mask, scale) = (&self.mask, &self.scale);
        let goal = |column: usize, _| aim * scale[column].to_f64();
        let passes = method.solve(
            problem.operator(),
            mask,
            &self.remainder,
            self.columns,
            goal,
            limit,
        );
        for (y, &step) in self.solution.iter_mut().zip(method.solution()) {
            *y += step;
        }
        (passes, self.measure(problem))
    }

    /// Same as [`add_solution`](Self::add_solution), but with symmetric Gauss-Seidel. The residual
    /// is the largest entry of a remainder of which only the norm is known, so it is first
    /// estimated, and the first measurement corrects the estimate.
    fn add_preconditioned_solution(
        &mut self,
        problem: &Problem<T>,
        mut aim: f64,
        tolerance: f64,
        limit: u32,
    ) -> (u32, f64) {
        // Remainders of the scaled system are smaller by up to the largest sqrt(H_jj).
        let diagonal = problem.diagonal().iter().map(|d| d.to_f64());
        aim /= diagonal.fold(0.0, f64::max).sqrt();
        self.start.clone_from(&self.solution);
        let mut method = std::mem::take(&mut self.symmetric_gauss_seidel);
        method.begin(problem.operator(), &self.mask, &self.remainder);
        let (mut passes, mut worst) = (0, f64::INFINITY);
        while passes < limit {
            let goal = |column: usize| {
                aim * self.scale[column].to_f64() / expected_largest(self.active[column].to_f64())
            };
            let left = limit - passes;
            let steps = method.proceed(problem.operator(), &self.mask, self.columns, goal, left);
            passes += steps;
            method.add_solution(problem.operator(), &self.start, &mut self.solution);
            worst = self.measure(problem);
            // Without a step, only rounding is left.
            if worst <= tolerance || worst > MISJUDGED * tolerance || steps == 0 {
                break;
            }
            aim *= 0.7 * tolerance / worst;
        }
        self.symmetric_gauss_seidel = method;
        (passes, worst)
    }

    /// Computes the remainder `u - H y` on the active sets.
    fn take_remainder(&mut self, problem: &Problem<T>) {
        self.remainder.resize(self.solution.len(), T::ZERO);
        product(
            problem.operator().gram_panels(),
            &self.solution,
            &mut self.remainder,
        );
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

/// Estimates the largest of `count` normally distributed numbers whose squares add up to 1.
fn expected_largest(count: f64) -> f64 {
    (2.0 * (count + 2.0).ln() / count.max(1.0)).sqrt().min(1.0)
}
