//! Cyclic coordinate descent in Gram form: projected Gauss-Seidel.

use super::{Solver, Tile, largest_change};
use crate::kernel::{Clip, Rule, Shrink, Sweep};
use crate::{Scalar, Settings};

/// Cyclic coordinate descent: each atom in turn takes the value that minimises (1) with all others held fixed,
///
/// ```text
/// a_j <- prox(H_jj a_j - g_j) / H_jj,      g = H a - c
/// ```
///
/// with `prox` as in [`kkt`](crate::kkt). In Gram form a pass costs `n²` multiply-adds per column, as much as a
/// gradient; on dictionaries whose atoms are not too alike it needs four to five times fewer passes than FISTA.
/// It slows down where atoms are coherent.
///
/// Friedman, Hastie, Höfling, Tibshirani, "Pathwise coordinate optimization", Annals of Applied Statistics 1 (2007).
/// Convergence for (1), whose nonsmooth part is separable: Tseng, J. Optim. Theory Appl. 109 (2001).
#[derive(Debug, Clone, Copy, Default)]
pub struct CoordinateDescent {
    settings: Settings,
}

impl CoordinateDescent {
    /// With the given tolerance and limit of passes.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> Solver<T> for CoordinateDescent {
    fn name(&self) -> &'static str {
        "coordinate-descent"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn begin(&self, _: &mut Tile<'_, T>) {}

    fn pass(&self, tile: &mut Tile<'_, T>) -> f64 {
        sweep_tile(tile);
        largest_change(tile)
    }
}

/// One sweep over all atoms; leaves `max_j H_jj |change of a_j|` per column in `workspace.change`.
pub(super) fn sweep_tile<T: Scalar>(tile: &mut Tile<'_, T>) {
    let threshold = tile.problem.thresholds();
    if tile.problem.signed() {
        sweep(tile, Shrink { threshold });
    } else {
        sweep(tile, Clip { threshold });
    }
}

fn sweep<T: Scalar, R: Rule<T>>(tile: &mut Tile<'_, T>, rule: R) {
    let workspace = &mut *tile.workspace;
    T::dispatch(Sweep {
        gram: tile.problem.gram_panels(),
        diagonal: tile.problem.diagonal(),
        inverse_diagonal: tile.problem.inverse_diagonal(),
        rule,
        correlations: &workspace.correlations,
        codes: &mut workspace.codes,
        change: &mut workspace.change,
    });
}
