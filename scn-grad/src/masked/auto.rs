//! The choice for those who do not want to choose.

use scn_solvers::{Problem, Scalar, Settings};

use super::conjugate_gradient::Preconditioner;
use super::{MaskedReport, MaskedSolver, MaskedTile};

/// The share of active codes up to which factorisations are faster: measured, see `docs/gradients.md`.
fn small_share(atoms: usize) -> f64 {
    (atoms as f64 / 1280.0).min(0.1)
}

/// The most sweeps that take less time than conjugate gradients, whose steps do more besides multiplying where there are few atoms:
/// measured, see `docs/gradients.md`.
fn most_sweeps(atoms: usize) -> u32 {
    5 + (450 / atoms.max(1)) as u32
}

/// Picks for each tile:
///
/// 1. Where no more than a tenth of its codes are active, or n/1280 where that is less, the `H_LL` of each column is
///    [factorised](super::MaskedCholesky), which is exact.
/// 2. Else [sweeps](super::MaskedGaussSeidel), as long as no more than `5 + 450/n` are to be expected.
/// 3. Else conjugate gradients, preconditioned by [symmetric
///    Gauss-Seidel](super::MaskedConjugateGradient::with_symmetric_gauss_seidel), from where the sweeps have come.
/// 4. What has not reached the tolerance then is factorised.
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

impl MaskedAuto {
    /// The tolerance that goes with codes of a KKT residual: 100 times as large, at most 0.01. What the linear systems then add to the
    /// error of a gradient is small beside that of the codes whose active set is still undecided: see the tables in
    /// `docs/gradients.md`.
    pub fn tolerance_for(kkt_tolerance: f64) -> f64 {
        (100.0 * kkt_tolerance).min(0.01)
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
        if tile.small_active_sets(problem.atoms()) {
            return super::MaskedCholesky.solve(problem, tile, first_column);
        }
        let tolerance = self.settings.tolerance();
        let max_passes = self.settings.max_passes();
        let most = most_sweeps(problem.atoms());
        let (mut passes, mut residual) = (0, f64::INFINITY);
        if tile.forecast.is_none_or(|sweeps| sweeps <= most) {
            (passes, residual) = tile.sweep(problem, tolerance, max_passes, most);
        }
        // Written so that a NaN counts.
        if !(residual <= tolerance) {
            let method = Preconditioner::SymmetricGaussSeidel;
            passes += tile.conjugate_gradients(problem, method, tolerance, max_passes, passes > 0);
        }
        tile.finish(problem, first_column, passes, tolerance)
    }
}

impl<T: Scalar> MaskedTile<T> {
    /// The share of codes that are active.
    pub(super) fn active_share(&self, atoms: usize) -> f64 {
        let sizes = self.active[..self.columns].iter().map(|size| size.to_f64());
        sizes.sum::<f64>() / (atoms * self.columns) as f64
    }

    /// Whether factorisations cost less than products with `H`.
    fn small_active_sets(&self, atoms: usize) -> bool {
        self.active_share(atoms) <= small_share(atoms)
    }
}
