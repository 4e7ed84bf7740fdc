//! Sweeps over a tile, [some of them unmeasured](Pace).

use super::Tile;
use crate::tile::kernels::{Largest, LiveRows, RightSide, Sweep, SweepRule};
use crate::tile::{Outlook, Pace, Scalar, padded};

/// The state of sweeps over a tile.
#[derive(Debug, Clone)]
pub struct Sweeps<T> {
    /// The right-hand sides that sweeps use instead of the correlations.
    right_side: Vec<T>,
    /// One entry per column: how far the last measured sweep moved it.
    change: Vec<T>,
    pace: Pace,
    live: LiveRows,
}

impl<T: Scalar> Sweeps<T> {
    pub(super) fn new(atoms: usize) -> Self {
        Self {
            right_side: vec![T::ZERO; padded(atoms) * T::tile()],
            change: vec![T::ZERO; T::tile()],
            pace: Pace::default(),
            live: LiveRows::default(),
        }
    }

    /// Prepares sweeps over a tile.
    pub(super) fn begin(&mut self, tile: &Tile<'_, T>) {
        let problem = tile.problem;
        self.pace = Pace::default();
        self.live.forget();
        T::right_side(RightSide {
            steps: problem.operator().steps(),
            thresholds: (!problem.signed()).then(|| problem.thresholds()),
            correlations: &tile.memory.correlations,
            out: &mut self.right_side,
        });
    }

    /// Notes that something else has moved the codes.
    pub(super) fn interrupt(&mut self) {
        self.pace.restart_closely();
        self.live.forget();
    }

    /// Makes one sweep over all atoms of a tile, and measures it if a measurement is due.
    pub(super) fn sweep(&mut self, tile: &mut Tile<'_, T>, tolerance: f64) -> Option<Outlook> {
        if !self.pace.due() {
            self.run(tile, false);
            return None;
        }
        if self.pace.believes(tolerance) {
            let residual = T::largest(Largest(&tile.memory.residual));
            self.pace.refute(residual.to_f64());
        }
        self.run(tile, true);
        let change = tile.largest_change(&self.change);
        Some(self.pace.measured(change, tolerance))
    }

    fn run(&mut self, tile: &mut Tile<'_, T>, measure: bool) {
        let problem = tile.problem;
        T::sweep(Sweep {
            matrix: problem.operator().sweep_panels(),
            diagonal: problem.diagonal(),
            rule: if problem.signed() {
                SweepRule::Shrink(problem.thresholds())
            } else {
                SweepRule::Clip
            },
            right_side: &self.right_side,
            codes: &mut tile.memory.codes,
            from_zero: false,
            live: Some(&mut self.live),
            measure,
            change: &mut self.change,
        });
    }
}
