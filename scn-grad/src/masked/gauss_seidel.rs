//! Gauss-Seidel sweeps: the tile kernel of coordinate descent without its projection.

use scn_solvers::tile::masked_sweep;
use scn_solvers::{Problem, Scalar, Settings};

use super::{MaskedReport, MaskedSolver, MaskedTile};

/// Over-relaxed Gauss-Seidel sweeps over a whole tile, with active sets given by masks.
///
/// Columns that have not reached the tolerance when the passes are used up, or when sweeps gain
/// nothing any more, are factorised, so that coherent atoms cost time, not accuracy.
///
/// `H_LL` is positive definite, so the sweeps converge for any relaxation ω in (0, 2) (Golub and
/// Van Loan, "Matrix computations", section 11.2.7 of the fourth edition).
#[derive(Debug, Clone, Copy, Default)]
pub struct MaskedGaussSeidel {
    settings: Settings,
}

impl MaskedGaussSeidel {
    /// Creates a solver that stops at a relative residual of `settings.tolerance()`, and factorises
    /// after `settings.max_passes()`.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::{Mat, mat};
    /// use scn_grad::{Gradients, Linearization, MaskedGaussSeidel};
    /// use scn_solvers::{ElasticNet, Problem, Settings};
    ///
    /// // H y = u with H = (1, 0.6; 0.6, 1) and u = (1.6, 1.6) has the solution y = (1, 1).
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.4, 0.0))?;
    /// let (signal, code, u) = (mat![[2.0], [1.0]], mat![[1.0], [1.0]], mat![[1.6], [1.6]]);
    /// let point = Linearization::new(&problem, &signal, code.as_ref())?;
    /// let (mut gradients, mut of_signal) = (Gradients::zeros(&problem), Mat::zeros(2, 1));
    /// let solver = MaskedGaussSeidel::new(Settings::new(1e-10, 100)?);
    /// let out = Some(of_signal.as_mut());
    /// assert!(point.vjp(&solver, u.as_ref(), &mut gradients, out)?.converged());
    /// assert_abs_diff_eq!(of_signal.col_as_slice(0)[..], [1.6, 0.8][..], epsilon = 1e-8); // D y
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        let (passes, _) = tile.sweep(problem, tolerance, max_passes, u32::MAX);
        tile.finish(problem, first_column, passes, tolerance)
    }
}

/// `ω - 1` per overlap γ of the active atoms: with about `ω = 1 + 0.7 γ`, sweeps reduce the
/// residual fastest. Found on random dictionaries, for γ from 0.05 to 0.6.
const PER_OVERLAP: f64 = 0.7;

/// The largest `ω - 1`.
const MOST_RELAXATION: f64 = 0.4;

/// Number of sweeps before the first residual of the first tile.
const FIRST: u32 = 2;

impl<T: Scalar> MaskedTile<T> {
    /// Sweeps from zero until the measured residual is at most the tolerance, the passes are used
    /// up, sweeps gain nothing any more, or more than `most` sweeps are expected in total. Returns
    /// the number of sweeps and the largest residual.
    ///
    /// Measuring the residual costs as much as a sweep, so it is measured when the sweeps should
    /// have converged: first after as many sweeps as the previous tile took, then after as many as
    /// the reduction per sweep so far predicts, starting from a residual of 1 at zero.
    pub(super) fn sweep(
        &mut self,
        problem: &Problem<T>,
        tolerance: f64,
        max_passes: u32,
        most: u32,
    ) -> (u32, f64) {
        let overlap = problem.operator().coupling() * self.active_share(problem.atoms());
        let relaxation = 1.0 + (PER_OVERLAP * overlap).min(MOST_RELAXATION);
        let mut goal = self.forecast.unwrap_or(FIRST).min(max_passes);
        let (mut passes, mut last) = (0, f64::INFINITY);
        loop {
            while passes < goal {
                let solution = &mut self.solution;
                masked_sweep(
                    problem.operator(),
                    relaxation,
                    &self.swept,
                    solution,
                    passes == 0,
                );
                passes += 1;
            }
            let residual = self.measure(problem);
            let needed = sweeps_needed(passes, residual, tolerance);
            if residual <= tolerance {
                // Fewer sweeps might have sufficed. If there was nothing to solve, `needed` is
                // `u32::MAX`.
                self.forecast = Some(needed.min(passes));
                return (passes, residual);
            }
            self.forecast = Some(needed);
            // Written so that NaN ends the loop.
            let gained = residual < last;
            if !gained || passes >= max_passes || needed > most {
                return (passes, residual);
            }
            last = residual;
            goal = needed.clamp(passes + 1, 2 * passes).min(max_passes);
        }
    }
}

/// Returns the number of sweeps that bring the residual down to the tolerance, given that `sweeps`
/// brought it down from 1. The first is left out, since it hardly reduces the residual: it disturbs
/// the entries that it has just settled.
fn sweeps_needed(sweeps: u32, residual: f64, tolerance: f64) -> u32 {
    let needed = 1.0 + f64::from(sweeps - 1) * tolerance.ln() / residual.ln();
    // The residual has not fallen, or is 0.
    if !(needed > 1.0) {
        return u32::MAX;
    }
    needed.ceil() as u32
}
