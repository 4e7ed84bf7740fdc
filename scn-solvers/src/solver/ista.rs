//! The proximal gradient method without momentum.

use super::fista::step;
use super::{Solver, Tile, largest_change};
use crate::{Scalar, Settings};

/// The iterative shrinkage-thresholding algorithm with constant step 1/L, `L` the
/// [largest eigenvalue](crate::Problem::lipschitz) of `H`:
///
/// ```text
/// a_{k+1} = prox(a_k - (H a_k - c) / L)
/// ```
/// <!-- math: a_{k+1} = \mathrm{prox}\bigl( a_k - (H a_k - c) / L \bigr) -->
///
/// Daubechies, Defrise, De Mol, "An iterative thresholding algorithm for linear inverse problems with a sparsity
/// constraint", Comm. Pure Appl. Math. 57 (2004). The slowest method here and the simplest: each step lowers the
/// objective, and nothing is remembered. To compare with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ista {
    settings: Settings,
}

impl Ista {
    /// With the given tolerance and limit of passes.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> Solver<T> for Ista {
    fn name(&self) -> &'static str {
        "ista"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn begin(&self, tile: &mut Tile<'_, T>) {
        let workspace = &mut *tile.workspace;
        workspace.extrapolated.copy_from_slice(&workspace.codes);
        // FISTA that extrapolates by nothing.
        workspace.weight.fill(T::ZERO);
    }

    fn pass(&self, tile: &mut Tile<'_, T>) -> f64 {
        let problem = tile.problem;
        let workspace = &mut *tile.workspace;
        step(problem, workspace, problem.lipschitz(), true);
        std::mem::swap(&mut workspace.extrapolated, &mut workspace.product);
        largest_change(tile)
    }
}
