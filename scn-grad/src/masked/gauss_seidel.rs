//! The tile kernel of coordinate descent, without its projection.

use scn_solvers::tile::masked_sweep;
use scn_solvers::{Problem, Scalar, Settings};

use super::{MaskedReport, MaskedSolver, MaskedTile};

/// Over-relaxed Gauss-Seidel sweeps over a whole tile at once, the active set of each column given by a mask; what has not reached the
/// tolerance when the passes end, or when sweeps gain nothing any more, is factorised, so that coherent atoms cost time, not accuracy.
///
/// `H_LL` is positive definite, so the sweeps converge for any relaxation ω in (0, 2) (Golub and Van Loan, "Matrix computations",
/// section 11.2.7 of the fourth edition).
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
        let (passes, _) = tile.sweep(problem, tolerance, max_passes, u32::MAX);
        tile.finish(problem, first_column, passes, tolerance)
    }
}

/// What a sweep multiplies the residual by is smallest with about `ω = 1 + 0.7 γ`, where γ is the overlap of the atoms that are
/// active: so found on random dictionaries, for γ from 0.05 to 0.6.
const PER_OVERLAP: f64 = 0.7;

/// The largest `ω - 1`.
const MOST_RELAXATION: f64 = 0.4;

/// Sweeps before the first residual of the first tile.
const FIRST: u32 = 2;

impl<T: Scalar> MaskedTile<T> {
    /// Sweeps from zero until the measured residual is at most the tolerance, the passes are over, no sweep gains anything any more, or
    /// more than `most` sweeps are to be expected in all. Returns the number of sweeps, and the largest residual.
    ///
    /// A residual costs as much as a sweep, so it is taken when the sweeps should have arrived: the first time after as many as the
    /// tile before took, then by what each sweep so far has shrunk it, which is 1 at zero.
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
                // Fewer might have done. Where there was nothing to solve they tell nothing.
                self.forecast = Some(needed.min(passes));
                return (passes, residual);
            }
            self.forecast = Some(needed);
            // Written so that a NaN ends it.
            let gained = residual < last;
            if !gained || passes >= max_passes || needed > most {
                return (passes, residual);
            }
            last = residual;
            goal = needed.clamp(passes + 1, 2 * passes).min(max_passes);
        }
    }
}

/// How many sweeps bring the residual down to the tolerance, if so many have brought it down from 1 to where it is. The first hardly does:
/// what it settles, it unsettles again.
fn sweeps_needed(sweeps: u32, residual: f64, tolerance: f64) -> u32 {
    let needed = 1.0 + f64::from(sweeps - 1) * tolerance.ln() / residual.ln();
    // Where they have brought it nowhere.
    if !(needed > 1.0) {
        return u32::MAX;
    }
    needed.ceil() as u32
}
