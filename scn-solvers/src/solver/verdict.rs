//! Verdicts on a tile: which columns have converged, and whether the others ever can.

use super::Tile;
use super::polish::polish;
use crate::kkt::{self, Certified};
use crate::memory::{Norms, TileMemory};
use crate::tile::kernels::{AllWithin, Largest};
use crate::tile::{Scalar, narrower_than_f64};

/// The result of certifying a tile.
pub(super) struct Verdict {
    /// Whether every column has converged, ignoring those that are not finite.
    pub(super) converged: bool,
    /// The largest residual.
    pub(super) worst: f64,
}

/// Measures the residuals and bounds their rounding errors, in `T` if that is enough. If rounding
/// may hide that a column has converged, and the solve ends, the last step was near or rounding
/// exceeds half the tolerance, this measures in `f64`, now and for the rest of this tile.
pub(super) fn certify<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64, ends: bool) -> Verdict {
    let near = tile.memory.step_is_near;
    if near || !tile.memory.in_f64 {
        let certified = if near {
            kkt::measure_near(tile.problem, tile.memory);
            Certified::AfterNearStep
        } else {
            kkt::measure(tile.problem, tile.memory);
            Certified::InType
        };
        let verdict = verdict(tile, tolerance, certified);
        if verdict.converged || !narrower_than_f64::<T>() {
            return verdict;
        }
        let hidden = |column: usize| {
            let residual = tile.memory.residual[column].to_f64();
            let rounding = tile.memory.rounding[column].to_f64();
            let in_doubt = residual <= tolerance + rounding;
            in_doubt && (ends || near || rounding > 0.5 * tolerance)
        };
        if !unconverged_columns(tile.memory, tile.columns, tolerance).any(hidden) {
            return verdict;
        }
    }
    tile.memory.in_f64 = true;
    tile.measure_in_f64();
    verdict(tile, tolerance, Certified::InF64)
}

/// Adds the bounds on rounding to the residuals just measured.
fn verdict<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64, certified: Certified) -> Verdict {
    give_up_overflowed_columns(tile);
    // Columns that are not in use have residual 0.
    let worst = T::largest(Largest(&tile.memory.residual)).to_f64();
    let mut converged = false;
    for norms in [Norms::Bounds, Norms::Each] {
        measure_rounding(tile, norms, certified);
        converged = all_converged(tile.memory, tolerance);
        if converged || tile.memory.norms_known == Norms::Each {
            break;
        }
    }
    Verdict { converged, worst }
}

/// Bounds the rounding error of the residual of each column, with the norms of the signals known at
/// least as well as `norms`.
fn measure_rounding<T: Scalar>(tile: &mut Tile<'_, T>, norms: Norms, certified: Certified) {
    let known = tile.memory.norms_known;
    if known == Norms::No || (known == Norms::Bounds && norms == Norms::Each) {
        tile.source.measure_norms(tile.range(), tile.memory, norms);
    }
    kkt::measure_rounding(tile.problem, tile.memory, certified);
}

/// Whether all columns have converged, ignoring those that are not finite. Columns that are not in
/// use have residual 0.
fn all_converged<T: Scalar>(memory: &TileMemory<T>, tolerance: f64) -> bool {
    T::all_within(AllWithin {
        residual: &memory.residual,
        rounding: &memory.rounding,
        tolerance: T::from_f64(tolerance),
    })
}

/// The columns whose residual plus rounding bound is not at most the tolerance.
pub(super) fn unconverged_columns<T: Scalar>(
    memory: &TileMemory<T>,
    columns: usize,
    tolerance: f64,
) -> impl Iterator<Item = usize> + '_ {
    let residuals = memory.residual.iter().zip(&memory.rounding);
    let enumerated = residuals.take(columns).enumerate();
    // The negated comparison counts NaN as unconverged.
    enumerated.filter_map(move |(column, (residual, rounding))| {
        (!(residual.to_f64() + rounding.to_f64() <= tolerance)).then_some(column)
    })
}

/// Whether the unconverged columns are all as good as arithmetic in `T` can make them: each
/// residual is no more than rounding is expected to leave.
pub(super) fn is_rounding<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64) -> bool {
    let columns: Vec<usize> = unconverged_columns(tile.memory, tile.columns, tolerance).collect();
    let measured = tile.memory.rounding.clone();
    measure_rounding(tile, Norms::Each, Certified::InType);
    let in_type = std::mem::replace(&mut tile.memory.rounding, measured);
    columns.into_iter().all(|column| {
        tile.memory.residual[column].to_f64() <= in_type[column].to_f64() / kkt::CERTAINTY
    })
}

/// Sets the residual to infinity in unconverged columns whose objective is unbounded below, and
/// returns whether there are any. This can only happen if correlations are given: `D'x` is
/// orthogonal to all `z` with `D z = 0`.
pub(super) fn any_falls_without_end<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64) -> bool {
    if tile.source.has_signals() || tile.problem.penalty().lambda2 > T::ZERO {
        return false;
    }
    let columns: Vec<usize> = unconverged_columns(tile.memory, tile.columns, tolerance).collect();
    let mut any = false;
    for column in columns {
        let correlations = tile.wide_correlations(column);
        let start = vec![0.0; correlations.len()];
        let problem = tile.problem.exact();
        let limit = 10 * problem.atoms() as u32;
        if correlations.iter().all(|c| c.is_finite())
            && polish(problem, correlations, start, limit).falls_without_end
        {
            tile.memory.residual[column] = T::INFINITY;
            any = true;
        }
    }
    any
}

/// Sets the scale to NaN in columns whose residual is NaN, which only an overflow can cause. These
/// columns are ignored from then on.
fn give_up_overflowed_columns<T: Scalar>(tile: &mut Tile<'_, T>) {
    let TileMemory {
        scale, residual, ..
    } = &mut *tile.memory;
    // No early exit, so that this compiles to a few vector operations.
    if !residual.iter().fold(false, |any, r| any | !r.finite()) {
        return;
    }
    for (scale, residual) in scale.iter_mut().zip(residual) {
        if residual.to_f64().is_nan() {
            *scale = *residual;
        }
    }
}
