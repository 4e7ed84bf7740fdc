//! Sweeps over a tile, of which [not all are measured](Pace).

use super::{Tile, largest_change};
use crate::Scalar;
use crate::kernel::{Clip, Largest, RightSide, Rule, Shrink, Sweep};
use crate::tile::{Outlook, Pace};

/// Prepares sweeps over a tile.
pub(super) fn begin_sweeps<T: Scalar>(tile: &mut Tile<'_, T>) {
    let problem = tile.problem;
    let workspace = &mut *tile.workspace;
    workspace.pace = Pace::default();
    workspace.live.forget();
    T::dispatch(RightSide {
        steps: problem.steps(),
        thresholds: (!problem.signed()).then(|| problem.thresholds()),
        correlations: &workspace.correlations,
        out: &mut workspace.right_side,
    });
}

/// One sweep over all atoms of a tile, measured if that is due.
pub(super) fn sweep_tile<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64) -> Option<Outlook> {
    if !tile.workspace.pace.due() {
        sweep_by_sign::<T, false>(tile);
        return None;
    }
    let pace = &mut tile.workspace.pace;
    if pace.believes(tolerance) {
        pace.refute(T::dispatch(Largest(&tile.workspace.residual)).to_f64());
    }
    sweep_by_sign::<T, true>(tile);
    let change = largest_change(tile);
    Some(tile.workspace.pace.measured(change, tolerance))
}

fn sweep_by_sign<T: Scalar, const MEASURE: bool>(tile: &mut Tile<'_, T>) {
    if tile.problem.signed() {
        let threshold = tile.problem.thresholds();
        sweep::<T, _, MEASURE>(tile, Shrink { threshold });
    } else {
        sweep::<T, _, MEASURE>(tile, Clip);
    }
}

fn sweep<T: Scalar, R: Rule<T>, const MEASURE: bool>(tile: &mut Tile<'_, T>, rule: R) {
    let workspace = &mut *tile.workspace;
    T::dispatch(Sweep::<_, _, MEASURE> {
        matrix: tile.problem.sweep_panels(),
        diagonal: tile.problem.diagonal(),
        rule,
        right_side: &workspace.right_side,
        codes: &mut workspace.codes,
        from_zero: false,
        live: Some(&mut workspace.live),
        change: &mut workspace.change,
    });
}
