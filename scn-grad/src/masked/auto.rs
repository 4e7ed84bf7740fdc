//! The default solver.

use scn_solvers::{Problem, Scalar, Settings};

use super::conjugate_gradient::Preconditioner;
use super::{MaskedReport, MaskedSolver, MaskedTile};

/// Returns the fraction of active codes up to which factorising is faster, as measured: see
/// `docs/gradients.md`.
fn small_share(atoms: usize) -> f64 {
    (atoms as f64 / 1280.0).min(0.1)
}

/// Returns the largest number of sweeps that is faster than conjugate gradients, as measured: see
/// `docs/gradients.md`. With few atoms it is larger, since steps of conjugate gradients do more
/// than multiply.
fn most_sweeps(atoms: usize) -> u32 {
    5 + (450 / atoms.max(1)) as u32
}

/// The default solver, which picks an algorithm for each tile.
///
/// 1. If at most a tenth of the codes of the tile are active, or n/1280 where that is less, the
///    `H_LL` of each column is [factorised](super::MaskedCholesky), which is exact.
/// 2. Otherwise it [sweeps](super::MaskedGaussSeidel), as long as at most `5 + 450/n` sweeps are
///    expected.
/// 3. Otherwise it uses conjugate gradients, preconditioned by [symmetric
///    Gauss-Seidel](super::MaskedConjugateGradient::with_symmetric_gauss_seidel), starting from the
///    result of any sweeps.
/// 4. Columns that still miss the tolerance are factorised.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaskedAuto {
    settings: Settings,
}

impl MaskedAuto {
    /// Creates a solver that stops at a relative residual of `settings.tolerance()`, and factorises
    /// after `settings.max_passes()`.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl MaskedAuto {
    /// Returns the tolerance for codes of a given KKT tolerance: 100 times that, at most 0.01.
    ///
    /// The error that the linear systems then add to a gradient is small compared with that of the
    /// codes whose active set is still undecided: see the tables in `docs/gradients.md`.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use scn_grad::MaskedAuto;
    ///
    /// assert_abs_diff_eq!(MaskedAuto::tolerance_for(1e-6), 1e-4, epsilon = 1e-16);
    /// assert_eq!(MaskedAuto::tolerance_for(1e-2), 0.01);
    /// ```
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
        // Written so that NaN counts as not converged.
        if !(residual <= tolerance) {
            let method = Preconditioner::SymmetricGaussSeidel;
            passes += tile.conjugate_gradients(problem, method, tolerance, max_passes, passes > 0);
        }
        tile.finish(problem, first_column, passes, tolerance)
    }
}

impl<T: Scalar> MaskedTile<T> {
    /// Returns the fraction of codes that are active.
    pub(super) fn active_share(&self, atoms: usize) -> f64 {
        let sizes = self.active[..self.columns].iter().map(|size| size.to_f64());
        sizes.sum::<f64>() / (atoms * self.columns) as f64
    }

    /// Whether factorisations cost less than products with `H`.
    fn small_active_sets(&self, atoms: usize) -> bool {
        self.active_share(atoms) <= small_share(atoms)
    }
}
