//! Sweeps over a tile, of which not all are measured.

use super::{Tile, largest_change};
use crate::Scalar;
use crate::kernel::{Clip, Compiled, Rule, Shrink, Sweep};

/// What is known after a sweep.
pub(super) enum Swept {
    /// To measure how far codes moved costs a third of a sweep over few atoms, so not every sweep is measured while many are
    /// still ahead.
    NotMeasured,
    /// The largest `H_jj |change of a_j|`, and the sweeps that will bring it down to the tolerance if they go on to shrink it as
    /// those before did: infinite if they did not.
    Measured { estimate: f64, ahead: f64 },
}

/// Sweeps of a tile so far, for what is planned next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    /// The last estimate; 0 if there is none.
    last: f64,
    /// Sweeps since then.
    since: u32,
    /// So many sweeps will not be measured.
    unmeasured: u32,
    /// Whether every sweep is to be measured.
    closely: bool,
}

impl Pace {
    /// Forgets the sweeps before: something else has moved the codes. How they go on says little then, so every sweep is
    /// measured.
    pub(crate) fn restart_closely(&mut self) {
        *self = Self {
            closely: true,
            ..Self::default()
        };
    }

    /// Sweeps ahead, after one more that was measured.
    fn measured(&mut self, estimate: f64, tolerance: f64) -> f64 {
        let ahead = if estimate <= tolerance || self.last <= 0.0 {
            0.0
        } else if estimate < self.last {
            let shrinks = (estimate / self.last).ln() / f64::from(self.since + 1);
            (tolerance / estimate).ln() / shrinks
        } else {
            f64::INFINITY
        };
        *self = Self {
            last: estimate,
            since: 0,
            unmeasured: if self.closely || !ahead.is_finite() {
                0
            } else {
                (OF_THOSE_AHEAD * ahead).min(UNMEASURED) as u32
            },
            closely: self.closely,
        };
        ahead
    }
}

/// Sweeps that are not measured: this share of those ahead, which get slower rather than faster, and no more than so many.
const OF_THOSE_AHEAD: f64 = 0.6;
const UNMEASURED: f64 = 3.0;

/// Prepares sweeps over a tile.
pub(super) fn begin_sweeps<T: Scalar>(tile: &mut Tile<'_, T>) {
    let width = T::tile();
    let problem = tile.problem;
    let workspace = &mut *tile.workspace;
    workspace.pace = Pace::default();
    let rows = workspace
        .right_side
        .chunks_exact_mut(width)
        .zip(workspace.correlations.chunks_exact(width))
        .zip(problem.steps().iter().zip(problem.thresholds()));
    let signed = problem.signed();
    T::dispatch(Compiled(|| {
        for ((out, correlations), (&step, &threshold)) in rows {
            let threshold = if signed { T::ZERO } else { threshold };
            for (out, &c) in out.iter_mut().zip(correlations) {
                *out = step * c - threshold;
            }
        }
    }));
}

/// One sweep over all atoms of a tile, as planned.
pub(super) fn sweep_tile<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64) -> Swept {
    if tile.workspace.pace.unmeasured > 0 {
        tile.workspace.pace.unmeasured -= 1;
        tile.workspace.pace.since += 1;
        sweep_by_sign::<T, false>(tile);
        return Swept::NotMeasured;
    }
    sweep_by_sign::<T, true>(tile);
    let estimate = largest_change(tile);
    let ahead = tile.workspace.pace.measured(estimate, tolerance);
    Swept::Measured { estimate, ahead }
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
        change: &mut workspace.change,
    });
}
