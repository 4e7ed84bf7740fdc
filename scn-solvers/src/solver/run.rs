//! The one loop that runs all solvers.

use super::verdict::{any_falls_without_end, certify, is_rounding, unconverged_columns};
use super::{Method, Pass, Tile};
use crate::kkt;
use crate::memory::{Norms, TileMemory};
use crate::report::{Report, Status};
use crate::start::Start;
use crate::tile::Scalar;
use crate::tile::kernels::Largest;

/// Passes between certificates. A certificate costs about a pass, so it is computed when the
/// solver's own estimate meets the tolerance, and at this interval in case the estimate is too
/// cautious.
const CERTIFY_EVERY: u32 = 50;

/// Number of passes without progress after which a tile can count as stalled.
const STALLED_AFTER: u32 = 100;

/// Solves one tile to the solver's tolerance. The codes must be zero if `start` is [`Start::Zero`].
pub(super) fn solve_tile<T: Scalar, M: Method<T>>(
    method: &M,
    tile: &mut Tile<'_, T>,
    start: Start,
    scratch: &mut M::Scratch,
) -> Report {
    let settings = method.settings();
    let tolerance = settings.tolerance();
    kkt::measure_scale(tile.memory);
    drop_nonfinite_columns(tile);
    if start == Start::Codes {
        zero_known_codes(tile);
    }
    let memory = &mut *tile.memory;
    for scale in memory.scale.iter_mut().filter(|scale| **scale == T::ZERO) {
        *scale = T::ONE;
    }
    memory.norms_known = Norms::No;
    memory.extra_passes = 0;
    method.begin(tile, scratch);

    let mut best = f64::INFINITY;
    let mut without_progress = 0;
    let mut passes = 0;
    let mut next_certificate = CERTIFY_EVERY;
    let status = loop {
        tile.memory.step_is_near = false;
        let pass = method.pass(tile, scratch);
        passes += 1 + std::mem::take(&mut tile.memory.extra_passes);
        without_progress += 1;
        let last = passes >= settings.max_passes();
        let promising = match pass {
            Pass::Residual(estimate) => !(estimate > tolerance),
            Pass::Unknown => false,
            Pass::Exhausted => true,
        };
        if !promising && passes < next_certificate && !last {
            continue;
        }
        next_certificate = passes + CERTIFY_EVERY;
        let ends = last || pass == Pass::Exhausted;
        let verdict = certify(tile, tolerance, ends);
        if verdict.converged {
            break Status::Converged;
        }
        if last {
            break Status::PassLimit;
        }
        if pass == Pass::Exhausted {
            break Status::Stalled;
        }
        if verdict.worst < 0.9 * best {
            best = verdict.worst;
            without_progress = 0;
        }
        // With momentum, residuals rise and fall over long stretches, so lack of progress is not
        // enough.
        if without_progress >= STALLED_AFTER
            && !method.ends_by_itself()
            && is_rounding(tile, tolerance)
        {
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

/// Zeroes the columns whose scale is NaN, as if their signal were zero. Returns whether there are
/// none. The scale stays NaN, and so does the residual, whatever the kernels compute.
fn drop_nonfinite_columns<T: Scalar>(tile: &mut Tile<'_, T>) -> bool {
    let TileMemory {
        scale,
        correlations,
        codes,
        ..
    } = &mut *tile.memory;
    // No early exit, so that this compiles to a few vector operations.
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

/// Starts at zero where the optimal code is known to be zero. An atom with `H_jj = 0` adds nothing
/// to the fit, and no solver would move its code. A zero signal gives the residual no scale:
/// solvers that halve their codes would continue down to the smallest number there is.
fn zero_known_codes<T: Scalar>(tile: &mut Tile<'_, T>) {
    let TileMemory { scale, codes, .. } = &mut *tile.memory;
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
    let residuals = &tile.memory.residual[..tile.columns];
    if status == Status::Converged {
        let worst = T::largest(Largest(&tile.memory.residual));
        report.residual = worst.to_f64();
        report.worst_column += residuals.iter().position(|&r| r == worst).unwrap_or(0);
        return report;
    }
    let unconverged = unconverged_columns(tile.memory, tile.columns, tolerance);
    report
        .unconverged
        .extend(unconverged.map(|column| first_column + column));
    for (column, residual) in residuals.iter().enumerate() {
        let residual = residual.to_f64();
        if !report.residual.is_nan() && !(residual <= report.residual) {
            report.residual = residual;
            report.worst_column = first_column + column;
        }
    }
    report
}
