//! What certificates say of a tile: which columns have converged, and whether the others ever could.

use super::Tile;
use super::polish::polish;
use crate::kkt::{self, Certified};
use crate::memory::{Norms, TileMemory};
use crate::tile::kernels::{AllWithin, Largest};
use crate::tile::{Scalar, narrower_than_f64};

/// What a certificate says of a tile.
pub(super) struct Verdict {
    /// Whether every column has converged, but for those that are not finite.
    pub(super) converged: bool,
    /// The largest residual.
    pub(super) worst: f64,
}

/// Measures the residuals and how far off they may be: in `T`, unless that cannot tell. Where it cannot and the solve `ends`,
/// and where rounding is above half of the tolerance, in `f64`, and then for the rest of this tile.
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

/// Adds rounding to the residuals just measured.
fn verdict<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64, certified: Certified) -> Verdict {
    give_up_overflowed_columns(tile);
    // Columns that are not in use have no residual.
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

/// What rounding may have made of the residual of each column, with the norms of the signals at least so well known.
fn measure_rounding<T: Scalar>(tile: &mut Tile<'_, T>, norms: Norms, certified: Certified) {
    let known = tile.memory.norms_known;
    if known == Norms::No || (known == Norms::Bounds && norms == Norms::Each) {
        tile.source.measure_norms(tile.range(), tile.memory, norms);
    }
    kkt::measure_rounding(tile.problem, tile.memory, certified);
}

/// Whether there are no [`unconverged_columns`] but those that are not finite. Columns that are not in use have no residual.
fn all_converged<T: Scalar>(memory: &TileMemory<T>, tolerance: f64) -> bool {
    T::all_within(AllWithin {
        residual: &memory.residual,
        rounding: &memory.rounding,
        tolerance: T::from_f64(tolerance),
    })
}

/// The columns whose residual, with what rounding may have made of it, is not at most the tolerance.
pub(super) fn unconverged_columns<T: Scalar>(
    memory: &TileMemory<T>,
    columns: usize,
    tolerance: f64,
) -> impl Iterator<Item = usize> + '_ {
    let residuals = memory.residual.iter().zip(&memory.rounding);
    let enumerated = residuals.take(columns).enumerate();
    // Written so that a NaN has not converged.
    enumerated.filter_map(move |(column, (residual, rounding))| {
        (!(residual.to_f64() + rounding.to_f64() <= tolerance)).then_some(column)
    })
}

/// Whether the columns that have not converged are all as good as computing in `T` makes them: their residual is no more than
/// rounding is expected to leave.
pub(super) fn is_rounding<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64) -> bool {
    let columns: Vec<usize> = unconverged_columns(tile.memory, tile.columns, tolerance).collect();
    let measured = tile.memory.rounding.clone();
    measure_rounding(tile, Norms::Each, Certified::InType);
    let in_type = std::mem::replace(&mut tile.memory.rounding, measured);
    columns.into_iter().all(|column| {
        tile.memory.residual[column].to_f64() <= in_type[column].to_f64() / kkt::CERTAINTY
    })
}

/// Marks the columns that have not converged because their objective falls without end, by a residual of infinity. Says
/// whether there are any. Only where correlations are given can that be: `D'x` is orthogonal to all `z` with `D z = 0`.
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

/// Marks the columns whose residual is NaN, which only an overflow on the way leaves, by a scale of NaN. They count for
/// nothing from then on.
fn give_up_overflowed_columns<T: Scalar>(tile: &mut Tile<'_, T>) {
    let TileMemory {
        scale, residual, ..
    } = &mut *tile.memory;
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
