//! Sweeps over a tile, of which not all are measured.

use super::{Tile, largest_change};
use crate::Scalar;
use crate::kernel::{Clip, Largest, RightSide, Rule, Shrink, Sweep};

/// What is known after a sweep.
pub(super) enum Swept {
    /// To measure how far codes moved costs a third of a sweep over few atoms, so not every sweep is measured while many are
    /// still ahead.
    NotMeasured,
    /// The largest residual by what codes moved, and the sweeps that will bring it down to the tolerance if they go on to shrink
    /// it as those before did: infinite if they did not.
    Measured { estimate: f64, ahead: f64 },
}

/// Sweeps of a tile so far, for what is planned next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The residual that a change `H_jj |change of a_j|` stands for: 1, or more where a certificate has said so. Slow sweeps are
    /// short of the optimum by many times their last step.
    per_change: f64,
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
            per_change: self.per_change,
            closely: true,
            ..Self::default()
        };
    }

    /// Takes in a certificate that the last estimate had promised to hold, and that failed with this residual.
    fn failed(&mut self, residual: f64) {
        if residual > self.last {
            self.per_change *= residual / self.last;
            self.last = residual;
        }
    }

    /// Takes in one more sweep, of which the change was measured.
    fn measured(&mut self, change: f64, tolerance: f64) -> Swept {
        let estimate = self.per_change * change;
        let ahead = if estimate <= tolerance || self.last <= 0.0 {
            0.0
        } else if estimate < self.last {
            let shrinks = (estimate / self.last).ln() / f64::from(self.since + 1);
            (tolerance / estimate).ln() / shrinks
        } else {
            f64::INFINITY
        };
        *self = Self {
            per_change: self.per_change,
            last: estimate,
            since: 0,
            unmeasured: if self.closely || !ahead.is_finite() {
                0
            } else {
                (OF_THOSE_AHEAD * ahead).min(UNMEASURED) as u32
            },
            closely: self.closely,
        };
        Swept::Measured { estimate, ahead }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            per_change: 1.0,
            last: 0.0,
            since: 0,
            unmeasured: 0,
            closely: false,
        }
    }
}

/// Sweeps that are not measured: this share of those ahead, which get slower rather than faster, and no more than so many.
const OF_THOSE_AHEAD: f64 = 0.6;
const UNMEASURED: f64 = 3.0;

/// Prepares sweeps over a tile.
pub(super) fn begin_sweeps<T: Scalar>(tile: &mut Tile<'_, T>) {
    let problem = tile.problem;
    let workspace = &mut *tile.workspace;
    workspace.pace = Pace::default();
    T::dispatch(RightSide {
        steps: problem.steps(),
        thresholds: (!problem.signed()).then(|| problem.thresholds()),
        correlations: &workspace.correlations,
        out: &mut workspace.right_side,
    });
}

/// One sweep over all atoms of a tile, as planned.
pub(super) fn sweep_tile<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64) -> Swept {
    if tile.workspace.pace.unmeasured > 0 {
        tile.workspace.pace.unmeasured -= 1;
        tile.workspace.pace.since += 1;
        sweep_by_sign::<T, false>(tile);
        return Swept::NotMeasured;
    }
    let pace = &mut tile.workspace.pace;
    if pace.last > 0.0 && pace.last <= tolerance {
        pace.failed(T::dispatch(Largest(&tile.workspace.residual)).to_f64());
    }
    sweep_by_sign::<T, true>(tile);
    let change = largest_change(tile);
    tile.workspace.pace.measured(change, tolerance)
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
