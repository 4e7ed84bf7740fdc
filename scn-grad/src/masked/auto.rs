//! The choice for those who do not want to choose.

use scn_solvers::{Problem, Scalar, Settings};

use super::{MaskedReport, MaskedSolver, MaskedTile};

/// Sweeps ahead beyond which conjugate gradients are taken up.
const WORTH: f64 = 24.0;

/// Sweeps that a factorisation is compared with: what systems of incoherent atoms take.
const USUAL_SWEEPS: f64 = 8.0;

/// Multiply-adds of a sweep that take the time of one of a factorisation, whose loops are short: measured, see
/// `docs/gradients.md`.
const SWEEP_IS_FASTER: f64 = 8.0;

/// Picks for each tile:
///
/// 1. Where active sets are so small that to factorise each `H_LL` costs less than some sweeps over all atoms, that is done: it is
///    exact. `sum over columns of |L|³/6 + |L|²`, weighed by 8 for its shorter loops, against 8 sweeps of n² per column.
/// 2. Else [Gauss-Seidel sweeps](super::MaskedGaussSeidel), as long as no more than 24 are ahead.
/// 3. Else [conjugate gradients](super::MaskedConjugateGradient) from there.
/// 4. What has still not reached the tolerance is factorised.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaskedAuto {
    settings: Settings,
}

impl MaskedAuto {
    /// Stops at a relative residual of `settings.tolerance()`; factorises after `settings.max_passes()`.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> MaskedSolver<T> for MaskedAuto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn solve(
        &self,
        problem: &Problem<T>,
        tile: &mut MaskedTile<T>,
        first_column: usize,
    ) -> MaskedReport {
        let tolerance = self.settings.tolerance();
        let max_passes = self.settings.max_passes();
        if tile.small_active_sets(problem.atoms()) {
            return super::MaskedCholesky.solve(problem, tile, first_column);
        }
        let (mut passes, arrived) = tile.sweep(problem, tolerance, max_passes, WORTH);
        if !arrived && passes < max_passes {
            passes += tile.conjugate_gradients(problem, tolerance, max_passes - passes);
        }
        tile.finish(problem, first_column, passes, tolerance)
    }
}

impl<T: Scalar> MaskedTile<T> {
    /// Whether factorisations cost less than sweeps.
    fn small_active_sets(&self, atoms: usize) -> bool {
        let sizes = self.active[..self.columns].iter().map(|size| size.to_f64());
        let factorisations: f64 = sizes.map(|size| size * size * (size / 6.0 + 1.0)).sum();
        let sweeps = USUAL_SWEEPS * (atoms * atoms * T::tile()) as f64;
        SWEEP_IS_FASTER * factorisations <= sweeps
    }
}
