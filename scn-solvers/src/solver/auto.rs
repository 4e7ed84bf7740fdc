//! Sweeps that find the active set, exact steps on it where sweeps are slow.

mod active_step;

use self::active_step::{ActiveSetWas, Pull};
use super::active_set::polish;
use super::sweeps::{begin_sweeps, sweep_tile};
use super::{EXHAUSTED, Solver, Tile};
use crate::tile::Outlook;
use crate::{Scalar, Settings, kkt};

/// Sweeps before the first step on the active set, and between two steps: enough to move the active set.
const SWEEPS: u32 = 6;

/// Sweeps that a step must be expected to save, which is about what it costs. What it does besides products with `H` weighs
/// more where there are few atoms.
fn worth(atoms: usize) -> f64 {
    24.0 * (1.0 + 32.0 / atoms as f64)
}

/// Steps after which the columns that are still not solved are taken one by one.
const STEPS: u32 = 12;

/// The choice for those who do not want to choose: [coordinate descent](super::CoordinateDescent), helped out where it is slow.
///
/// The rule:
///
/// 1. Sweep. While each sweep shrinks the step so quickly that a step on the active set would cost more than the sweeps
///    still ahead (24, and more for few atoms), there is nothing better.
/// 2. Where they would not do, or where `f32` keeps the step from shrinking, the active set L of each column is taken
///    for right, and `H_LL d = c_L - λ1_L s - (H a)_L` is solved by conjugate gradients for the whole tile at once.
///    Codes that would change their sign become zero; a column whose objective this raises goes back. For tolerances below
///    the rounding of `f32` the right-hand side is taken in `f64`, which makes the step one of iterative refinement.
///    Then sweep again: they repair the active set.
/// 3. After 12 such steps (4, where rounding alone is in the way), columns that are still above the tolerance are solved one
///    by one by the exact [active-set method](super::ActiveSet) in `f64`, from where they stand.
///
/// On dictionaries of moderate coherence it is coordinate descent to the bit. The subspace step follows Moré, Toraldo,
/// "On the solution of large quadratic programming problems with bound constraints", SIAM J. Optimization 1 (1991);
/// refinement is Wilkinson's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Auto {
    settings: Settings,
}

impl Auto {
    /// With the given tolerance and limit of passes; a product with `H` counts as a pass.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> Solver<T> for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn begin(&self, tile: &mut Tile<'_, T>) {
        begin_sweeps(tile);
        tile.workspace.subspace.fit(tile.problem);
    }

    fn pass(&self, tile: &mut Tile<'_, T>) -> f64 {
        let tolerance = self.settings.tolerance();
        if tile.workspace.subspace.steps > STEPS {
            return EXHAUSTED;
        }
        let near_rounding = kkt::needs_f64(tile.problem, tolerance);
        // The sweeps believed that they had arrived, and the certificate did not: that is rounding.
        let refuted = near_rounding && std::mem::take(&mut tile.workspace.subspace.believed);
        let pull = if refuted {
            Pull::OfCertificate
        } else {
            let swept = sweep_tile(tile, tolerance);
            let state = &mut tile.workspace.subspace;
            state.sweeps += 1;
            let Some(Outlook { estimate, ahead }) = swept else {
                return f64::INFINITY;
            };
            if state.sweeps < SWEEPS || ahead <= worth(tile.problem.atoms()) {
                state.believed = estimate <= tolerance;
                return estimate;
            }
            // Far from the optimum the rounding of `T` does not matter.
            if kkt::needs_f64(tile.problem, tolerance.max(0.1 * estimate)) {
                Pull::ToTakeInF64
            } else {
                Pull::ToTake
            }
        };
        tile.workspace.pace.restart_closely();
        tile.workspace.live.forget();
        let state = &mut tile.workspace.subspace;
        state.sweeps = 0;
        // Where the certificate refutes the sweeps, they will not do better the next time.
        state.steps += if refuted { 3 } else { 1 };
        if state.steps > STEPS {
            let goal = kkt::goal::<T>(tolerance, near_rounding);
            solve_one_by_one(tile, goal);
            return EXHAUSTED;
        }
        match active_step::take(tile, tolerance, pull) {
            // The active set may have been right: that is for the certificate to say.
            ActiveSetWas::Kept => 0.0,
            ActiveSetWas::Cut => f64::INFINITY,
        }
    }
}

/// Rule 3.
fn solve_one_by_one<T: Scalar>(tile: &mut Tile<'_, T>, goal: f64) {
    kkt::measure_in_f64(tile.problem, tile.workspace);
    let problem = T::in_f64(tile.problem);
    let width = T::tile();
    for column in 0..tile.columns {
        // Written so that a NaN is left alone.
        if tile.workspace.residual[column].to_f64() > goal {
            let take = |values: &[T]| -> Vec<f64> {
                let rows = values.chunks_exact(width).take(problem.atoms());
                rows.map(|row| row[column].to_f64()).collect()
            };
            let (correlations, start) = (
                take(&tile.workspace.correlations),
                take(&tile.workspace.codes),
            );
            let changes = 10 * problem.atoms() as u32;
            let code = polish(problem, correlations, start, changes);
            let rows = tile.workspace.codes.chunks_exact_mut(width);
            for (row, value) in rows.zip(code) {
                row[column] = T::from_f64(value);
            }
        }
    }
}
