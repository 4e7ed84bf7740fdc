//! The trait of all methods, and the one loop that runs them.

mod active_set;
mod admm;
mod auto;
mod coordinate_descent;
mod factor;
mod fista;
mod ista;
mod lars;
mod lista;
mod sweeps;

pub use active_set::ActiveSet;
pub(crate) use active_set::Column;
pub use admm::Admm;
pub use auto::Auto;
pub use coordinate_descent::CoordinateDescent;
pub(crate) use factor::ActiveFactor;
pub use fista::Fista;
pub use ista::Ista;
pub use lars::Lars;
pub use lista::{Lista, ListaEpoch, ListaLayer, ListaTraining};

use crate::kernel::{Largest, LargestQuotient};
use crate::{Problem, Report, Scalar, Settings, Start, Status, Workspace, kkt};

/// The certificate costs about a pass. It is taken when the method's own estimate says that it will hold, and at
/// every so many passes in case the estimate is too cautious.
const CERTIFY_EVERY: u32 = 50;

/// What [`Solver::pass`] returns when a method can do no more: the tile is certified as it is.
pub const EXHAUSTED: f64 = f64::NEG_INFINITY;

/// Passes without progress, before a tile can count as stalled.
const STALLED_AFTER: u32 = 100;

/// A tile that is being solved: the state that a method reads and changes.
///
/// Codes and correlations are row-major with [`Scalar::tile`] columns and one row per padded atom.
#[derive(Debug)]
pub struct Tile<'a, T: Scalar> {
    /// What is solved.
    pub problem: &'a Problem<T>,
    /// Codes and scratch.
    pub workspace: &'a mut Workspace<T>,
    /// Columns in use; the codes of the others are zero and stay zero.
    pub columns: usize,
}

/// What a method works on: tiles with one row per padded atom. Padding rows are zero and have to stay so.
#[derive(Debug)]
pub struct TileParts<'t, T> {
    /// `c = D'x`
    pub correlations: &'t [T],
    /// The start when [`Solver::begin`] is called, then whatever the method makes of it; at the end the result.
    pub codes: &'t mut [T],
    /// Scratch that keeps what it holds from pass to pass of the same tile.
    pub first: &'t mut [T],
    /// Scratch as `first`.
    pub second: &'t mut [T],
    /// One entry per column: `max(1e-30, max_j |c_j|)`, by which residuals are divided.
    pub scale: &'t [T],
}

impl<T: Scalar> Tile<'_, T> {
    /// The tile's memory, for a method of one's own.
    pub fn parts(&mut self) -> TileParts<'_, T> {
        let workspace = &mut *self.workspace;
        TileParts {
            correlations: &workspace.correlations,
            codes: &mut workspace.codes,
            first: &mut workspace.product,
            second: &mut workspace.extrapolated,
            scale: &workspace.scale,
        }
    }
}

/// A method for problem (1). Immutable and shareable: whatever changes during a solve is in the [`Workspace`].
///
/// A method supplies [`begin`](Self::begin) and [`pass`](Self::pass); stopping, counting and certifying are the same
/// for all.
pub trait Solver<T: Scalar>: Send + Sync + std::fmt::Debug {
    /// The name by which the command line knows it.
    fn name(&self) -> &'static str;

    /// When it stops.
    fn settings(&self) -> &Settings;

    /// Prepares the scratch of a tile whose codes hold the start.
    fn begin(&self, tile: &mut Tile<'_, T>);

    /// One pass over all atoms. Returns an estimate of the largest KKT residual, to decide when a certificate is
    /// worth its cost; it decides nothing else. [`EXHAUSTED`] says that another pass would change nothing.
    fn pass(&self, tile: &mut Tile<'_, T>) -> f64;
}

/// Solves one tile to the solver's tolerance. `first_column` is where the tile stands in the batch. Codes are zero where
/// `start` says so.
pub(crate) fn solve_tile<T: Scalar>(
    solver: &dyn Solver<T>,
    tile: &mut Tile<'_, T>,
    start: Start,
    first_column: usize,
) -> Report {
    let settings = solver.settings();
    kkt::measure_scale(tile.workspace);
    drop_nonfinite_columns(tile);
    if start == Start::Codes {
        zero_known_codes(tile);
    }
    tile.workspace.extra_passes = 0;
    solver.begin(tile);

    let in_f64 = kkt::needs_f64(tile.problem, settings.tolerance());
    let goal = kkt::goal::<T>(settings.tolerance(), in_f64);
    let mut best = f64::INFINITY;
    let mut last_progress = 0;
    let mut passes = 0;
    let mut next_certificate = CERTIFY_EVERY;
    let status = loop {
        tile.workspace.pull_is_near = false;
        let estimate = solver.pass(tile);
        passes += 1 + std::mem::take(&mut tile.workspace.extra_passes);
        let last = passes >= settings.max_passes();
        let due = passes >= next_certificate;
        if estimate > settings.tolerance() && !due && !last {
            continue;
        }
        next_certificate = passes + CERTIFY_EVERY;
        if tile.workspace.pull_is_near {
            kkt::measure_near(tile.problem, tile.workspace);
        } else if in_f64 {
            kkt::measure_in_f64(tile.problem, tile.workspace);
        } else {
            kkt::measure(tile.problem, tile.workspace);
        }
        give_up_overflowed_columns(tile);
        // Columns that are not in use have no residual.
        let worst = T::dispatch(Largest(&tile.workspace.residual)).to_f64();
        if worst <= goal {
            break Status::Converged;
        }
        if last {
            break Status::PassLimit;
        }
        if estimate == EXHAUSTED {
            break Status::Stalled;
        }
        if worst < 0.9 * best {
            best = worst;
            last_progress = passes;
        }
        // Momentum makes residuals rise and fall over long stretches, so that no progress means nothing by itself.
        if passes - last_progress >= STALLED_AFTER && worst <= rounding(tile) {
            break Status::Stalled;
        }
    };
    let finite = drop_nonfinite_columns(tile);
    report(
        tile,
        first_column,
        passes,
        if finite { status } else { Status::NonFinite },
        goal,
    )
}

/// A residual that rounding may leave: `H a` is a sum of n products of size up to `max H_jj ||a||_1`, relative to the largest
/// correlation, with a factor for the errors that a method makes before the certificate does.
fn rounding<T: Scalar>(tile: &Tile<'_, T>) -> f64 {
    let diagonal = tile
        .problem
        .diagonal()
        .iter()
        .fold(0.0, |largest: f64, d| largest.max(d.to_f64()));
    let relative = (0..tile.columns).map(|column| {
        let rows = tile.workspace.codes.chunks_exact(T::tile());
        let codes: f64 = rows.map(|row| row[column].to_f64().abs()).sum();
        1.0 + diagonal * codes / tile.workspace.scale[column].to_f64()
    });
    64.0 * tile.problem.atoms() as f64 * T::EPSILON.to_f64() * relative.fold(1.0, f64::max)
}

/// Solves the columns whose scale is NaN as if their signal were zero, and says whether there is none. The scale stays
/// NaN, and so does the residual, whatever the kernels make of it.
fn drop_nonfinite_columns<T: Scalar>(tile: &mut Tile<'_, T>) -> bool {
    let Workspace {
        scale,
        correlations,
        codes,
        ..
    } = &mut *tile.workspace;
    // Without a short cut, so that it takes a few vector operations.
    if scale.iter().fold(true, |all, scale| all & scale.finite()) {
        return true;
    }
    for column in (0..tile.columns).filter(|&column| !scale[column].finite()) {
        for row in correlations
            .chunks_exact_mut(T::tile())
            .chain(codes.chunks_exact_mut(T::tile()))
        {
            row[column] = T::ZERO;
        }
    }
    false
}

/// Marks the columns whose residual is NaN, which only an overflow on the way leaves, by a scale of NaN. They count for
/// nothing from then on.
fn give_up_overflowed_columns<T: Scalar>(tile: &mut Tile<'_, T>) {
    let Workspace {
        scale, residual, ..
    } = &mut *tile.workspace;
    // Without a short cut, so that it takes a few vector operations.
    if !residual.iter().fold(false, |any, r| any | !r.finite()) {
        return;
    }
    for (scale, residual) in scale.iter_mut().zip(residual) {
        if residual.to_f64().is_nan() {
            *scale = *residual;
        }
    }
}

/// Starts at zero where the optimal code is known to be zero. An atom with `H_jj = 0` adds nothing to the fit, and no
/// method would move its code. A zero signal has no scale to which a residual could be small: methods that halve their
/// codes would go on to the smallest number there is.
fn zero_known_codes<T: Scalar>(tile: &mut Tile<'_, T>) {
    let Workspace { scale, codes, .. } = &mut *tile.workspace;
    for (row, &inverse) in codes
        .chunks_exact_mut(T::tile())
        .zip(tile.problem.inverse_diagonal())
    {
        for (code, &scale) in row.iter_mut().zip(&*scale) {
            if inverse == T::ZERO || scale <= T::from_f64(kkt::SMALLEST_SCALE) {
                *code = T::ZERO;
            }
        }
    }
}

fn report<T: Scalar>(
    tile: &Tile<'_, T>,
    first_column: usize,
    passes: u32,
    status: Status,
    tolerance: f64,
) -> Report {
    let mut report = Report {
        status,
        columns: tile.columns,
        passes,
        ..Report::empty()
    };
    report.column_passes = u64::from(passes) * tile.columns as u64;
    report.worst_column = first_column;
    let residuals = &tile.workspace.residual[..tile.columns];
    if status == Status::Converged {
        let worst = T::dispatch(Largest(&tile.workspace.residual));
        report.kkt = worst.to_f64();
        report.worst_column += residuals.iter().position(|&r| r == worst).unwrap_or(0);
        return report;
    }
    for (column, residual) in residuals.iter().enumerate() {
        let residual = residual.to_f64();
        if !(residual <= tolerance) {
            report.unconverged.push(first_column + column);
        }
        if !report.kkt.is_nan() && !(residual <= report.kkt) {
            report.kkt = residual;
            report.worst_column = first_column + column;
        }
    }
    report
}

/// The largest `change / scale` of a tile: the estimate of methods that know how far they moved. Columns that are not
/// finite do not count, and columns that are not in use do not move.
pub(crate) fn largest_change<T: Scalar>(tile: &Tile<'_, T>) -> f64 {
    let largest = LargestQuotient {
        a: &tile.workspace.change,
        b: &tile.workspace.scale,
    };
    T::dispatch(largest).to_f64()
}

/// `max(v - θ, 0)`, or `sign(v) max(|v| - θ, 0)` for signed codes.
#[inline(always)]
fn shrink<T: Scalar>(v: T, threshold: T, signed: bool) -> T {
    if v > threshold {
        v - threshold
    } else if signed && v < -threshold {
        v + threshold
    } else {
        T::ZERO
    }
}
