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
mod verdict;

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

use std::ops::Range;

use self::verdict::{any_falls_without_end, certify, is_rounding, unconverged_columns};
use crate::kernel::{Largest, LargestQuotient};
use crate::source::Correlations;
use crate::workspace::Norms;
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
    /// Where the tile stands in the batch.
    pub(crate) first_column: usize,
    /// Where its correlations come from.
    pub(crate) source: &'a dyn Correlations<T>,
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
    /// One entry per column: `max_j |c_j|`, by which residuals are divided; 1 where that is 0.
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

    /// Its columns in the batch.
    fn range(&self) -> Range<usize> {
        self.first_column..self.first_column + self.columns
    }

    /// Sees to it that the correlations are there in `f64`, without the rounding of `T`.
    pub(crate) fn widen_correlations(&mut self) {
        if self.workspace.wide.correlations.is_empty() {
            self.source.load_in_f64(self.range(), self.workspace);
        }
    }

    /// `c = D'x` of one column in `f64`, length n.
    pub(crate) fn wide_correlations(&mut self, column: usize) -> Vec<f64> {
        self.widen_correlations();
        let padded_atoms = self.problem.diagonal().len();
        let wide = &self.workspace.wide;
        let mut correlations = wide.column_correlations(padded_atoms, column);
        correlations.truncate(self.problem.atoms());
        correlations
    }

    /// Measures residuals in `f64`, and leaves the pull.
    pub(crate) fn measure_in_f64(&mut self) {
        self.widen_correlations();
        kkt::measure_in_f64(self.problem, self.workspace);
    }

    /// A column of a tile of this type, length n.
    pub(crate) fn read(&self, values: &[T], column: usize) -> Vec<f64> {
        let rows = values.chunks_exact(T::tile()).take(self.problem.atoms());
        rows.map(|row| row[column].to_f64()).collect()
    }

    /// Rounds a code, length n, to a column.
    pub(crate) fn write(&mut self, column: usize, code: &[f64]) {
        let rows = self.workspace.codes.chunks_exact_mut(T::tile());
        for (row, &value) in rows.zip(code) {
            row[column] = T::from_f64(value);
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

/// Solves one tile to the solver's tolerance. Codes are zero where `start` says so.
pub(crate) fn solve_tile<T: Scalar>(
    solver: &dyn Solver<T>,
    tile: &mut Tile<'_, T>,
    start: Start,
) -> Report {
    let settings = solver.settings();
    let tolerance = settings.tolerance();
    kkt::measure_scale(tile.workspace);
    drop_nonfinite_columns(tile);
    if start == Start::Codes {
        zero_known_codes(tile);
    }
    let workspace = &mut *tile.workspace;
    for scale in workspace
        .scale
        .iter_mut()
        .filter(|scale| **scale == T::ZERO)
    {
        *scale = T::ONE;
    }
    workspace.norms_known = Norms::No;
    workspace.has_last_resort = false;
    workspace.extra_passes = 0;
    solver.begin(tile);

    let mut best = f64::INFINITY;
    let mut without_progress = 0;
    let mut passes = 0;
    let mut next_certificate = CERTIFY_EVERY;
    let status = loop {
        tile.workspace.pull_is_near = false;
        let estimate = solver.pass(tile);
        passes += 1 + std::mem::take(&mut tile.workspace.extra_passes);
        without_progress += 1;
        let last = passes >= settings.max_passes();
        if estimate > tolerance && passes < next_certificate && !last {
            continue;
        }
        next_certificate = passes + CERTIFY_EVERY;
        let ends = last || estimate == EXHAUSTED;
        let verdict = certify(tile, tolerance, ends);
        if verdict.converged {
            break Status::Converged;
        }
        if last {
            break Status::PassLimit;
        }
        if estimate == EXHAUSTED {
            break Status::Stalled;
        }
        if verdict.worst < 0.9 * best {
            best = verdict.worst;
            without_progress = 0;
        }
        // Momentum makes residuals rise and fall over long stretches, so that no progress means nothing by itself.
        if without_progress >= STALLED_AFTER && is_rounding(tile, tolerance) {
            break Status::Stalled;
        }
    };
    let status = match status {
        Status::Converged => status,
        status if any_falls_without_end(tile, tolerance) => status.max(Status::Unbounded),
        status => status,
    };
    let finite = drop_nonfinite_columns(tile);
    report(
        tile,
        passes,
        if finite { status } else { Status::NonFinite },
        tolerance,
    )
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
            if inverse == T::ZERO || scale == T::ZERO {
                *code = T::ZERO;
            }
        }
    }
}

fn report<T: Scalar>(tile: &Tile<'_, T>, passes: u32, status: Status, tolerance: f64) -> Report {
    let mut report = Report {
        status,
        columns: tile.columns,
        passes,
        ..Report::empty()
    };
    report.column_passes = u64::from(passes) * tile.columns as u64;
    let first_column = tile.first_column;
    report.worst_column = first_column;
    let residuals = &tile.workspace.residual[..tile.columns];
    if status == Status::Converged {
        let worst = T::dispatch(Largest(&tile.workspace.residual));
        report.kkt = worst.to_f64();
        report.worst_column += residuals.iter().position(|&r| r == worst).unwrap_or(0);
        return report;
    }
    let unconverged = unconverged_columns(tile.workspace, tile.columns, tolerance);
    report
        .unconverged
        .extend(unconverged.map(|column| first_column + column));
    for (column, residual) in residuals.iter().enumerate() {
        let residual = residual.to_f64();
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
