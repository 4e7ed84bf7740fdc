//! KKT residuals and duality gaps of many codes, computed in the type of the codes.
//!
//! Measuring costs a fraction of solving, and costs least during the solve
//! ([`encode_measured`](crate::encode_measured)).

use std::ops::Range;

use faer::MatRef;
use rayon::prelude::*;

use crate::EncodeError;
use crate::kkt::{self, relative};
use crate::memory::TileMemory;
use crate::problem::Problem;
use crate::shapes::{check_correlations, check_signals};
use crate::source::{Correlations, FromMatrix, OfSignals};
use crate::tile::columns::load;
use crate::tile::kernels::{GapSums, Residual, gap};
use crate::tile::{ColumnSource, Scalar};
use crate::workspaces::Workspaces;

/// The KKT residual and the duality gap of one code: how far it is from optimal.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ColumnMeasure {
    /// The [KKT residual](crate::kkt); NaN if an intermediate number is not finite.
    pub residual: f64,
    /// The relative duality gap: see [`measure_columns`]. `None` without signals, since the gap is
    /// relative to their norm.
    pub duality_gap: Option<f64>,
    /// `max_j |c_j|`, the scale of the residual. A λ1 below the tolerance times this scale cannot
    /// be told from zero.
    pub scale: f64,
    /// Number of entries that are not zero.
    pub active: usize,
}

impl ColumnMeasure {
    /// The measure of a code that has not been measured yet.
    pub(crate) const BLANK: Self = Self {
        residual: 0.0,
        duality_gap: None,
        scale: 0.0,
        active: 0,
    };
}

/// Measures codes (n × P) against their signals (m × P), column by column.
///
/// `D'x` and `H a` are matrix products in the type `T` of the codes, in the same tiles and threads
/// as in [`encode`](crate::encode()).
///
/// With `c = D'x`, `d = c - H a`, `v = d + λ2 a` and `ρ = ||x||² - c'a - d'a` (the squared residual
/// of the lasso with rows `sqrt(λ2) I` below the dictionary), the gap is the smaller of
///
/// ```text
/// sum_j λ1_j |a_j| + λ2/2 a_j² + max(|v_j| - λ1_j, 0)² / (2 λ2) - a_j v_j        (λ2 > 0)
/// 1/2 (1 - s)² ρ + sum_j λ1_j |a_j| - s a_j d_j,  s = min(1 + a'd / ρ, min_j λ1_j / |d_j|), s >= 0
/// ```
/// <!-- math:
/// \begin{aligned}
/// & \sum_j \lambda_{1j} |a_j| + \tfrac{\lambda_2}2 a_j^2 +
/// \tfrac1{2\lambda_2} \max(|v_j| - \lambda_{1j}, 0)^2 - a_j v_j \qquad (\lambda_2 > 0) \\
/// & \tfrac12 (1 - s)^2 \rho + \sum_j \lambda_{1j} |a_j| - s\, a_j d_j, \qquad
/// s = \min\Bigl(1 + \tfrac{a^\top d}{\rho},\; \min_j \tfrac{\lambda_{1j}}{|d_j|}\Bigr),\; s \ge 0
/// \end{aligned}
/// -->
///
/// (for a >= 0 with v and d in place of `|v|` and `|d|`), divided by `||x||²/2`. These are the two
/// bounds of [`certificate::duality_gap`](crate::certificate::duality_gap), which cites their
/// sources. Their dual points are `x - D a` and `s (x - D a, -sqrt(λ2) a)`, and the difference of
/// primal and dual objective is written so that no large numbers cancel. Rounding still leaves
/// about `sqrt(n) ε` of `T`, relative to `||x||²/2`. [`certify_columns`](crate::certify_columns)
/// measures in `f64`, independently of all kernels, at many times the cost.
///
/// As in certificates, the gap is 0 for the zero code of a zero signal, and infinite if an entry of
/// the code is negative but codes must be nonnegative. The result does not depend on the number of
/// threads.
///
/// # Errors
/// Returns [`EncodeError`] if a shape does not fit the problem.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{ElasticNet, Problem, Workspaces, measure_columns};
///
/// let dictionary = Mat::<f64>::identity(2, 2);
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// // The optimal code and the zero code of the same signal, with objectives 0.875 and 2.
/// let (signals, codes) = (mat![[2.0, 2.0], [0.0, 0.0]], mat![[1.5, 0.0], [0.0, 0.0]]);
/// let found = measure_columns(&problem, &signals, codes.as_ref(), &Workspaces::new())?;
/// assert_eq!((found[0].residual, found[0].duality_gap), (0.0, Some(0.0)));
/// assert_eq!((found[1].residual, found[1].duality_gap), (0.75, Some((2.0 - 0.875) / 2.0)));
/// assert_eq!((found[0].scale, found[0].active, found[1].active), (2.0, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn measure_columns<T: Scalar>(
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    codes: MatRef<'_, T>,
    workspaces: &Workspaces<T>,
) -> Result<Vec<ColumnMeasure>, EncodeError> {
    check_signals(problem, signals, codes.shape())?;
    let source = OfSignals::new(problem, signals);
    Ok(measure_tiles(problem, &source, codes, workspaces))
}

/// Same as [`measure_columns`], but takes correlations `c = D'x` (n × P) instead of signals.
///
/// Without signals there is no duality gap.
///
/// # Errors
/// Returns [`EncodeError`] if a shape does not fit the problem.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{ElasticNet, Problem, Workspaces, measure_correlated};
///
/// let dictionary = Mat::<f64>::identity(2, 2);
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// // The optimal code and the zero code of the same correlations.
/// let (c, a) = (mat![[2.0, 2.0], [0.25, 0.25]], mat![[1.5, 0.0], [0.0, 0.0]]);
/// let found = measure_correlated(&problem, c.as_ref(), a.as_ref(), &Workspaces::new())?;
/// assert_eq!((found[0].residual, found[1].residual), (0.0, 1.5 / 2.0));
/// assert_eq!((found[0].active, found[0].duality_gap), (1, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn measure_correlated<T: Scalar>(
    problem: &Problem<T>,
    correlations: MatRef<'_, T>,
    codes: MatRef<'_, T>,
    workspaces: &Workspaces<T>,
) -> Result<Vec<ColumnMeasure>, EncodeError> {
    check_correlations(problem, correlations.shape(), codes.shape())?;
    let source = FromMatrix(correlations);
    Ok(measure_tiles(problem, &source, codes, workspaces))
}

fn measure_tiles<T: Scalar>(
    problem: &Problem<T>,
    source: &dyn Correlations<T>,
    codes: MatRef<'_, T>,
    workspaces: &Workspaces<T>,
) -> Vec<ColumnMeasure> {
    let mut measures = vec![ColumnMeasure::BLANK; codes.ncols()];
    measures
        .par_chunks_mut(T::tile())
        .enumerate()
        .for_each(|(tile, measures)| {
            let first = tile * T::tile();
            let columns = first..first + measures.len();
            workspaces.with(problem, |worker| {
                let codes = codes.subcols(first, measures.len());
                measure_tile(
                    problem,
                    source,
                    columns,
                    codes,
                    &mut worker.memory,
                    measures,
                );
            });
        });
    measures
}

fn measure_tile<T: Scalar>(
    problem: &Problem<T>,
    source: &dyn Correlations<T>,
    columns: Range<usize>,
    codes: MatRef<'_, T>,
    memory: &mut TileMemory<T>,
    measures: &mut [ColumnMeasure],
) {
    source.load(columns.clone(), memory);
    memory.codes.fill(T::ZERO);
    load(codes, &mut memory.codes, T::tile());
    memory.scale.fill(T::ONE);
    measure_loaded(problem, source, columns, memory, measures);
}

/// Measures the codes of a tile whose correlations are loaded. A column whose scale is NaN was
/// given up by the solver.
pub(crate) fn measure_loaded<T: Scalar>(
    problem: &Problem<T>,
    source: &dyn Correlations<T>,
    columns: Range<usize>,
    memory: &mut TileMemory<T>,
    measures: &mut [ColumnMeasure],
) {
    source.measure_squares(columns, memory);
    memory.rounding.copy_from_slice(&memory.scale);
    kkt::measure_scale(memory);
    for (scale, before) in memory.scale.iter_mut().zip(&memory.rounding) {
        if before.to_f64().is_nan() {
            *scale = *before;
        }
    }
    let TileMemory {
        correlations,
        codes,
        scale,
        residual,
        row,
        descent,
        squares,
        gap_sums,
        ..
    } = memory;
    descent.resize(codes.len(), T::ZERO);
    T::residual(Residual {
        signed: problem.signed(),
        gram: problem.operator().gram_panels(),
        diagonal: problem.diagonal(),
        lambda1: problem.padded_lambda1(),
        correlations,
        multiplied: codes,
        codes,
        descent,
        residual,
        not_finite: row,
    });
    gap_sums.resize(gap::ROWS * T::tile(), T::ZERO);
    T::gap_sums(GapSums {
        signed: problem.signed(),
        lambda1: problem.padded_lambda1(),
        lambda2: problem.penalty().lambda2,
        correlations,
        codes,
        descent,
        sums: gap_sums,
    });
    for (k, measure) in measures.iter_mut().enumerate() {
        let sum = |row: usize| gap_sums[row * T::tile() + k].to_f64();
        measure.scale = scale[k].to_f64();
        let residual = residual[k].to_f64() + row[k].to_f64();
        measure.residual = if measure.scale.is_nan() {
            f64::NAN
        } else {
            relative(residual, measure.scale)
        };
        measure.active = sum(gap::ACTIVE) as usize;
        if let Some(&square) = squares.get(k) {
            let gap = duality_gap(problem, square, sum);
            // `max`, also in the sums, ignores NaN.
            let not_finite = row[k].to_f64() + 0.0 * measure.scale;
            measure.duality_gap = Some(relative(gap + not_finite, 0.5 * square));
        }
    }
}

/// Returns the smaller bound; `square` is `||x||²`.
fn duality_gap<T: Scalar>(problem: &Problem<T>, square: f64, sum: impl Fn(usize) -> f64) -> f64 {
    if !problem.signed() && sum(gap::LOWEST) < 0.0 {
        return f64::INFINITY;
    }
    let pull = sum(gap::PULL);
    let left = (square - sum(gap::CORRELATION) - pull).max(0.0); // ρ
    let best = if left > 0.0 { 1.0 + pull / left } else { 1.0 };
    // Infinite if every dual point is feasible.
    let feasible = 1.0 / sum(gap::REACH);
    let s = best.max(0.0).min(feasible);
    let scaled = 0.5 * (1.0 - s) * (1.0 - s) * left + sum(gap::ABSOLUTE) - s * pull;
    let gap = if problem.penalty().lambda2 > T::ZERO {
        scaled.min(sum(gap::FENCHEL))
    } else {
        scaled
    };
    gap.max(0.0)
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;
    use crate::synthetic::{dictionary, normal_matrix};
    use crate::{
        Auto, ElasticNet, Lambda1, Settings, Sign, Start, certify_columns, encode, encode_measured,
    };

    const SHAPE: (usize, usize) = (20, 30);

    /// Returns optimal codes and random codes.
    fn codes<T: Scalar>(problem: &Problem<T>, signals: &Mat<T>) -> [Mat<T>; 2] {
        let mut solved = Mat::zeros(SHAPE.1, signals.ncols());
        let solver = Auto::new(Settings::new(1e3 * T::EPSILON.to_f64(), 1000).unwrap());
        let report = encode(&solver, problem, signals, solved.as_mut(), Start::Zero).unwrap();
        assert!(report.converged());
        let mut random = normal_matrix::<T>(SHAPE.1, signals.ncols(), 7);
        for column in random.col_iter_mut() {
            for code in column.iter_mut() {
                *code = if problem.signed() {
                    *code
                } else {
                    code.magnitude()
                };
            }
        }
        [solved, random]
    }

    /// Compares measures with certificates. They differ by at most `m + n` and some roundings, each
    /// of numbers that make up no more than `(||x|| + sum_j √H_jj |a_j|)²`, multiplied by
    /// `1 / (2 λ2)` if λ2 > 0.
    fn measures_are_those_of_certificates<T: Scalar>() {
        let atoms = dictionary::<T>(SHAPE.0, SHAPE.1, 0.2, 1);
        // Not a whole number of tiles.
        let signals = normal_matrix::<T>(SHAPE.0, 2 * T::tile() + 3, 2);
        let weights = (0..SHAPE.1).map(|j| T::from_f64(0.1 + 0.01 * j as f64));
        for lambda1 in [
            Lambda1::Scalar(T::from_f64(0.3)),
            Lambda1::PerAtom(weights.collect()),
        ] {
            for (lambda2, sign) in [
                (0.0, Sign::NonNegative),
                (0.25, Sign::NonNegative),
                (0.0, Sign::Free),
                (0.25, Sign::Free),
            ] {
                let penalty = ElasticNet {
                    lambda1: lambda1.clone(),
                    lambda2: T::from_f64(lambda2),
                    sign,
                };
                let problem = Problem::new(atoms.as_ref(), penalty).unwrap();
                for codes in codes(&problem, &signals) {
                    assert_near(&problem, &signals, &codes);
                }
            }
        }
    }

    fn assert_near<T: Scalar>(problem: &Problem<T>, signals: &Mat<T>, codes: &Mat<T>) {
        let lambda2 = problem.penalty().lambda2.to_f64();
        let exact = certify_columns(problem, signals, codes.as_ref()).unwrap();
        let turned = codes.transpose().to_owned();
        let packed = signals.transpose().to_owned();
        for (signals, codes) in [
            (signals.as_ref(), codes.as_ref()),
            (packed.transpose(), turned.transpose()),
        ] {
            let found = measure_columns(problem, &signals, codes, &Workspaces::new()).unwrap();
            let mut correlations = Mat::zeros(SHAPE.1, signals.ncols());
            crate::correlate(problem, &signals, correlations.as_mut()).unwrap();
            let by_correlations =
                measure_correlated(problem, correlations.as_ref(), codes, &Workspaces::new())
                    .unwrap();
            for (k, (found, exact)) in found.iter().zip(&exact).enumerate() {
                let norm = signals.col(k).norm_l2().to_f64();
                let sizes = codes.col(k).iter().zip(problem.diagonal());
                let fit: f64 = sizes
                    .map(|(a, h)| a.to_f64().abs() * h.to_f64().sqrt())
                    .sum();
                let roundings = (SHAPE.0 + SHAPE.1 + 16) as f64 * T::EPSILON.to_f64();
                let weight = if lambda2 > 0.0 {
                    1.0 + 0.5 / lambda2
                } else {
                    1.0
                };
                let bound = roundings * weight * (norm + fit).powi(2) / (0.5 * norm * norm);
                let gap = found.duality_gap.unwrap();
                assert!(
                    (gap - exact.duality_gap).abs() <= bound,
                    "{gap} for {}, bound {bound:e}",
                    exact.duality_gap
                );
                let bound = roundings * (norm + fit) / found.scale;
                assert!((found.residual - exact.residual).abs() <= bound);
                assert_eq!(found.active, exact.active);
                assert!((by_correlations[k].residual - exact.residual).abs() <= bound);
                assert_eq!(by_correlations[k].duality_gap, None);
            }
        }
    }

    /// Measuring during the solve gives the same codes, and the same measures up to rounding of
    /// `D'x`, as measuring afterwards.
    fn one_visit_measures_the_same<T: Scalar>() {
        let atoms = dictionary::<T>(SHAPE.0, SHAPE.1, 0.2, 1);
        let mut signals = normal_matrix::<T>(SHAPE.0, 2 * T::tile() + 3, 2);
        signals.col_mut(1).fill(T::ZERO);
        signals[(0, 2)] = T::from_f64(f64::NAN);
        let penalty = ElasticNet::signed(T::from_f64(0.3), T::ZERO);
        let problem = Problem::new(atoms.as_ref(), penalty).unwrap();
        let solver = Auto::new(Settings::new(1e3 * T::EPSILON.to_f64(), 1000).unwrap());
        let shape = (SHAPE.1, signals.ncols());
        let (mut codes, mut alone) = (Mat::zeros(shape.0, shape.1), Mat::zeros(shape.0, shape.1));
        let workspaces = Workspaces::new();
        let (start, out) = (Start::Zero, codes.as_mut());
        let (report, found) =
            encode_measured(&solver, &problem, &signals, out, start, &workspaces).unwrap();
        let expected = encode(&solver, &problem, &signals, alone.as_mut(), start).unwrap();
        assert_eq!(
            (codes.as_ref(), &report.unconverged),
            (alone.as_ref(), &expected.unconverged)
        );
        let after = measure_columns(&problem, &signals, codes.as_ref(), &workspaces).unwrap();
        let roundings = (SHAPE.0 + SHAPE.1 + 16) as f64 * T::EPSILON.to_f64();
        let near = |a: f64, b: f64| (a - b).abs() <= 100.0 * roundings;
        for (k, (found, after)) in found.iter().zip(&after).enumerate() {
            let (gap, gap_after) = (found.duality_gap.unwrap(), after.duality_gap.unwrap());
            if k == 2 {
                assert!(found.residual.is_nan() && gap.is_nan() && found.scale.is_nan());
                assert!(after.residual.is_nan() && gap_after.is_nan());
                continue;
            }
            assert!(near(found.residual, after.residual) && near(gap, gap_after));
            assert!(near(found.scale, after.scale) && found.active == after.active);
        }
        assert_eq!((found[1].residual, found[1].scale), (0.0, 0.0));
    }

    #[test]
    fn measures_of_one_visit_are_those_taken_afterwards() {
        one_visit_measures_the_same::<f32>();
        one_visit_measures_the_same::<f64>();
    }

    #[test]
    fn residual_and_gap_are_those_of_certificates() {
        measures_are_those_of_certificates::<f32>();
        measures_are_those_of_certificates::<f64>();
    }

    /// Zero signals, infeasible codes and non-finite numbers are measured as in the certificate.
    #[test]
    fn special_codes_are_measured_as_certified() {
        let problem = Problem::new(
            Mat::<f64>::identity(2, 2).as_ref(),
            ElasticNet::nonnegative(0.5, 0.0),
        )
        .unwrap();
        let signals = Mat::from_fn(2, 4, |_, k| [0.0, 0.0, 1.0, f64::NAN][k]);
        let codes = Mat::from_fn(2, 4, |_, k| [0.0, 1.0, -1.0, 0.0][k]);
        let found = measure_columns(&problem, &signals, codes.as_ref(), &Workspaces::new());
        let found = found.unwrap();
        let exact = certify_columns(&problem, &signals, codes.as_ref()).unwrap();
        let gaps: Vec<f64> = found.iter().filter_map(|f| f.duality_gap).collect();
        assert_eq!((gaps[0], found[0].residual), (0.0, 0.0));
        assert_eq!((gaps[1], found[1].residual), (f64::INFINITY, f64::INFINITY));
        assert_eq!(gaps[2], f64::INFINITY);
        assert!(gaps[3].is_nan() && found[3].residual.is_nan());
        for (found, exact) in found.iter().zip(&exact).take(3) {
            assert_eq!(found.duality_gap, Some(exact.duality_gap));
            assert_eq!(found.residual, exact.residual);
        }
    }
}
