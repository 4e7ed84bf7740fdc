//! FISTA, with adaptive restart.

use super::{Solver, Tile, largest_change};
use crate::kernel::{Momentum, MomentumState, Product};
use crate::{Scalar, Settings};

/// The fast iterative shrinkage-thresholding algorithm with constant step 1/L, `L` the
/// [largest eigenvalue](crate::Problem::lipschitz) of `H`:
///
/// ```text
/// a_{k+1} = prox(z_k - (H z_k - c) / L)
/// s_{k+1} = (1 + sqrt(1 + 4 s_k²)) / 2
/// z_{k+1} = a_{k+1} + (s_k - 1) / s_{k+1} (a_{k+1} - a_k)
/// ```
///
/// Beck, Teboulle, "A fast iterative shrinkage-thresholding algorithm", SIAM J. Imaging Sciences 2 (2009), eqs. (4.1) to
/// (4.3). A column whose step goes uphill along its momentum starts again with s = 1: the gradient scheme of
/// O'Donoghue, Candès, "Adaptive restart for accelerated gradient schemes", Found. Comput. Math. 15 (2015), which about
/// halves the passes here.
#[derive(Debug, Clone, Copy)]
pub struct Fista {
    settings: Settings,
    restart: bool,
}

impl Fista {
    /// With adaptive restart.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            restart: true,
        }
    }

    /// As published in 2009, without restart.
    pub fn without_restart(settings: Settings) -> Self {
        Self {
            settings,
            restart: false,
        }
    }
}

impl<T: Scalar> Solver<T> for Fista {
    fn name(&self) -> &'static str {
        if self.restart {
            "fista"
        } else {
            "fista-without-restart"
        }
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn begin(&self, tile: &mut Tile<'_, T>) {
        let workspace = &mut *tile.workspace;
        workspace.extrapolated.copy_from_slice(&workspace.codes);
        workspace.momentum.fill(T::ONE);
    }

    fn pass(&self, tile: &mut Tile<'_, T>) -> f64 {
        let problem = tile.problem;
        let workspace = &mut *tile.workspace;
        T::dispatch(Product {
            matrix: problem.gram_panels(),
            y: &workspace.extrapolated,
            out: &mut workspace.product,
        });
        T::dispatch(Momentum {
            signed: problem.signed(),
            restart: self.restart,
            lipschitz: problem.lipschitz(),
            lambda1: problem.lambda1(),
            correlations: &workspace.correlations,
            state: MomentumState {
                codes: &mut workspace.codes,
                extrapolated: &mut workspace.extrapolated,
                gram_extrapolated: &mut workspace.product,
                momentum: &mut workspace.momentum,
            },
            change: &mut workspace.change,
            uphill: &mut workspace.residual,
        });
        largest_change(tile)
    }
}
