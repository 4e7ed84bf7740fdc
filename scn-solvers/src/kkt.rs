//! The KKT residual: the only definition of convergence.
//!
//! With the gradient of the smooth part `g = H a - c`, where `c = D'x`, a code is optimal (Lemma 1
//! of the paper) iff
//!
//! ```text
//! a >= 0:     a_j > 0  =>  g_j + λ1_j = 0,           a_j = 0  =>  g_j + λ1_j >= 0
//! any sign:   a_j != 0 =>  g_j + λ1_j sign(a_j) = 0, a_j = 0  =>  |g_j| <= λ1_j
//! ```
//! <!-- math:
//! \begin{aligned}
//! a \ge 0: \quad & a_j > 0 \;\Rightarrow\; g_j + \lambda_{1j} = 0,
//! & a_j = 0 & \;\Rightarrow\; g_j + \lambda_{1j} \ge 0 \\
//! \text{any sign:} \quad & a_j \ne 0 \;\Rightarrow\; g_j + \lambda_{1j}\, \mathrm{sign}(a_j) = 0,
//! & a_j = 0 & \;\Rightarrow\; |g_j| \le \lambda_{1j}
//! \end{aligned}
//! -->
//!
//! Both say that a proximal step along coordinate j leaves `a_j` unchanged, so both are measured by
//!
//! ```text
//! r(a) = max_j | H_jj a_j - prox(H_jj a_j - g_j) |  /  max_j |c_j|             (2)
//! ```
//! <!-- math: r(a) = \frac{\max_j \bigl| H_{jj} a_j - \mathrm{prox}(H_{jj} a_j - g_j) \bigr|}{\max_j |c_j|} \tag{2} -->
//!
//! with `prox(v) = max(v - λ1_j, 0)`, or `sign(v) max(|v| - λ1_j, 0)` for signed codes. For
//! `a >= 0` this is the familiar `max_j |min(H_jj a_j, g_j + λ1_j)|`. The residual does not change
//! if signal and λ1 are scaled by the same factor, or if dictionary and λ1 are scaled by a factor
//! and λ2 by its square. If `c = 0`, the optimal code is zero with residual 0, and any other code
//! has an infinite residual.
//!
//! A column has *converged* when its residual plus a bound on its rounding error is at most the
//! tolerance. The bound follows Higham and Mary, "A new approach to probabilistic rounding error
//! analysis", SIAM J. Scientific Computing 41 (2019).

mod rounding;

use crate::memory::{TileMemory, Wide};
use crate::problem::Problem;
use crate::tile::kernels::{ColumnScale, Residual, StepsAreSmall};
use crate::tile::{Kernels, Scalar, narrower_than_f64};

pub(crate) use rounding::{CERTAINTY, Certified, measure_rounding};

/// Returns the KKT residual (2) of one column, evaluated in f64 whatever the type of the numbers.
///
/// `correlations` is `c = D'x` and `code` is `a`, both of length n. Returns NaN if a number is not
/// finite.
///
/// # Example
///
/// ```
/// use faer::Mat;
/// use scn_solvers::{ElasticNet, Problem, kkt};
///
/// let dictionary = Mat::<f64>::identity(2, 2);
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// let correlations = [2.0, 0.25];
/// assert_eq!(kkt::residual(&problem, &correlations, &[1.5, 0.0]), 0.0);
/// // A proximal step would move the first entry by 1.5, and the largest correlation is 2.
/// assert_eq!(kkt::residual(&problem, &correlations, &[0.0, 0.0]), 0.75);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn residual<T: Scalar>(problem: &Problem<T>, correlations: &[T], code: &[T]) -> f64 {
    let mut worst = 0.0_f64;
    let mut scale = 0.0_f64;
    for (j, (&c, &a)) in correlations.iter().zip(code).enumerate() {
        let product = gram_product(problem, j, code);
        let scaled = problem.gram()[(j, j)].to_f64() * a.to_f64();
        let free = scaled - (product - c.to_f64());
        let difference = scaled - prox(free, problem.lambda1()[j].to_f64(), problem.signed());
        // `max`, also in `prox`, ignores NaN.
        if !(free.is_finite() && difference.is_finite()) {
            return f64::NAN;
        }
        worst = worst.max(difference.abs());
        scale = scale.max(c.to_f64().abs());
    }
    relative(worst, scale)
}

/// Returns `value / scale`, or 0 if `value` is 0.
pub(crate) fn relative(value: f64, scale: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value / scale }
}

/// Returns the margin of strict complementarity: how close any entry is to changing its activity.
///
/// For one column, this is
///
/// ```text
/// min over j of  H_jj |a_j|  (active)  or  λ1_j - |g_j|  (not active; λ1_j + g_j if a >= 0),
/// ```
/// <!-- math: \min_j \begin{cases} H_{jj} |a_j| & a_j \ne 0 \\ \lambda_{1j} - |g_j| & a_j = 0, \text{ any sign} \\ \lambda_{1j} + g_j & a_j = 0,\; a \ge 0 \end{cases} -->
///
/// divided by `max_j |c_j|`, like the residual. If the margin is well above the residual, the
/// active set of the code is that of the optimum, and the code is differentiable. The margin is
/// evaluated in f64; the arguments are those of [`residual`].
///
/// # Example
///
/// ```
/// use faer::Mat;
/// use scn_solvers::{ElasticNet, Problem, kkt};
///
/// let dictionary = Mat::<f64>::identity(2, 2);
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// // The second entry becomes active if its correlation rises by 0.25.
/// assert_eq!(kkt::margin(&problem, &[2.0, 0.25], &[1.5, 0.0]), 0.25 / 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn margin<T: Scalar>(problem: &Problem<T>, correlations: &[T], code: &[T]) -> f64 {
    let mut margin = f64::INFINITY;
    let mut scale = 0.0_f64;
    for (j, (&c, &a)) in correlations.iter().zip(code).enumerate() {
        let product = gram_product(problem, j, code);
        let g = product - c.to_f64();
        let lambda1 = problem.lambda1()[j].to_f64();
        let distance = if a != T::ZERO {
            problem.diagonal()[j].to_f64() * a.to_f64().abs()
        } else if problem.signed() {
            lambda1 - g.abs()
        } else {
            lambda1 + g
        };
        margin = margin.min(distance);
        scale = scale.max(c.to_f64().abs());
    }
    relative(margin, scale)
}

/// Returns `(H a)_j`, summed in f64.
pub(crate) fn gram_product<T: Scalar>(problem: &Problem<T>, j: usize, code: &[T]) -> f64 {
    let column = problem.gram().col(j);
    let terms = column.iter().zip(code);
    terms.map(|(&h, &a)| h.to_f64() * a.to_f64()).sum()
}

/// Returns `max(v - λ1, 0)`, or `sign(v) max(|v| - λ1, 0)` for signed codes.
pub(crate) fn prox(v: f64, lambda1: f64, signed: bool) -> f64 {
    let above = (v - lambda1).max(0.0);
    if signed {
        above + (v + lambda1).min(0.0)
    } else {
        above
    }
}

/// Fills `memory.scale` with the denominator of (2) for each column, NaN where correlations are not
/// finite.
pub(crate) fn measure_scale<T: Scalar>(memory: &mut TileMemory<T>) {
    T::scale(ColumnScale {
        values: &memory.correlations,
        scale: &mut memory.scale,
    });
}

/// Whether certificates at this tolerance are computed in `f64` from the start.
///
/// Rounding in `T` leaves a residual of about `sqrt(n) ε`, and a certificate should be accurate to
/// a few per cent. Large codes leave more, which [`measure_rounding`] detects afterwards.
pub(crate) fn needs_f64<T: Scalar>(problem: &Problem<T>, tolerance: f64) -> bool {
    let rounding = (problem.atoms() as f64).sqrt() * T::EPSILON.to_f64();
    narrower_than_f64::<T>() && tolerance < 32.0 * rounding
}

/// Fills `memory.residual` with the residual (2) of each column, at the codes in `memory`.
///
/// The residual is NaN where an intermediate number is not finite. Overwrites `memory.row`.
pub(crate) fn measure<T: Scalar>(problem: &Problem<T>, memory: &mut TileMemory<T>) {
    T::residual(Residual {
        signed: problem.signed(),
        gram: problem.operator().gram_panels(),
        diagonal: problem.diagonal(),
        lambda1: problem.padded_lambda1(),
        correlations: &memory.correlations,
        multiplied: &memory.codes,
        codes: &memory.codes,
        descent: &mut [],
        residual: &mut memory.residual,
        not_finite: &mut memory.row,
    });
    relate_to_scale(memory);
}

/// Same as [`measure`], but with codes, correlations and `H` in `f64`.
///
/// The [correlations](Wide::correlations) must have been loaded. Leaves `c - H a`, rounded, in
/// `memory.descent`.
pub(crate) fn measure_in_f64<T: Scalar>(problem: &Problem<T>, memory: &mut TileMemory<T>) {
    let exact = problem.exact();
    let TileMemory {
        wide,
        codes,
        descent,
        residual,
        scale,
        ..
    } = memory;
    descent.resize(codes.len(), T::ZERO);
    let padded_atoms = exact.diagonal().len();
    wide.for_each_part(padded_atoms, codes, |first, part| {
        f64::residual(Residual {
            signed: exact.signed(),
            gram: exact.operator().gram_panels(),
            diagonal: exact.diagonal(),
            lambda1: exact.padded_lambda1(),
            correlations: part.correlations,
            multiplied: part.codes,
            codes: part.codes,
            descent: part.descent,
            residual: part.residual,
            not_finite: part.not_finite,
        });
        Wide::round(part.descent, first, descent);
        for (k, (value, not_finite)) in part.residual.iter().zip(&*part.not_finite).enumerate() {
            let scale = scale[first + k].to_f64();
            residual[first + k] = T::from_f64((value + not_finite) / scale);
        }
    });
}

/// Same as [`measure`], but from the change of the codes since `memory.descent` was computed.
///
/// That change is `memory.step`, which must be [near](is_near).
pub(crate) fn measure_near<T: Scalar>(problem: &Problem<T>, memory: &mut TileMemory<T>) {
    T::residual(Residual {
        signed: problem.signed(),
        gram: problem.operator().gram_panels(),
        diagonal: problem.diagonal(),
        lambda1: problem.padded_lambda1(),
        correlations: &memory.descent,
        multiplied: &memory.step,
        codes: &memory.codes,
        descent: &mut [],
        residual: &mut memory.residual,
        not_finite: &mut memory.row,
    });
    relate_to_scale(memory);
}

/// Whether `H d` for `d = memory.step` may be computed in `T` for a certificate at this tolerance.
///
/// Rounding is relative to d as it is to a in [`needs_f64`], and the same rule applies: if d is
/// smaller than a code of size 1, so is the rounding error.
pub(crate) fn is_near<T: Scalar>(
    problem: &Problem<T>,
    memory: &TileMemory<T>,
    tolerance: f64,
) -> bool {
    let rounding = (problem.atoms() as f64).sqrt() * T::EPSILON.to_f64();
    let largest = T::from_f64(tolerance / (32.0 * rounding));
    T::steps_are_small(StepsAreSmall {
        diagonal: problem.diagonal(),
        steps: &memory.step,
        largest,
        scale: &memory.scale,
    })
}

fn relate_to_scale<T: Scalar>(memory: &mut TileMemory<T>) {
    let divisors = memory.scale.iter().zip(&memory.row);
    for (residual, (&scale, &not_finite)) in memory.residual.iter_mut().zip(divisors) {
        *residual = (*residual + not_finite) / scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::widen;
    use crate::tile::{Real, padded};
    use crate::{ElasticNet, synthetic};
    use approx::assert_abs_diff_eq;

    const ATOMS: usize = 30;
    const TOLERANCE: f64 = 1e-6;

    /// Returns a tile of signed codes with correlations `H a + λ1 sign(a)`, which make them optimal
    /// up to rounding.
    fn near_the_optimum() -> (Problem<f32>, TileMemory<f32>) {
        let dictionary = synthetic::dictionary::<f32>(40, ATOMS, 0.3, 1);
        let penalty = ElasticNet::signed(0.2_f32, 1e-3);
        let problem = Problem::new(dictionary.as_ref(), penalty).expect("a problem");
        let mut memory = TileMemory::default();
        memory.fit(&problem);
        memory.step.resize(memory.codes.len(), 0.0);
        let width = f32::tile();
        let codes = synthetic::normal_matrix::<f32>(ATOMS, width, 2);
        for k in 0..width {
            let code: Vec<f32> = codes.col(k).iter().copied().collect();
            for (j, &a) in code.iter().enumerate() {
                let c = gram_product(&problem, j, &code) + f64::from(0.2_f32.copysign(a));
                memory.codes[j * width + k] = a;
                memory.correlations[j * width + k] = c as f32;
            }
        }
        measure_scale(&mut memory);
        (problem, memory)
    }

    fn column(tile: &[f32], k: usize) -> Vec<f32> {
        let rows = tile.chunks_exact(f32::tile()).take(ATOMS);
        rows.map(|row| row[k]).collect()
    }

    /// Asserts that the residuals of all columns differ from the definition by at most `bound`.
    fn assert_certified(problem: &Problem<f32>, memory: &TileMemory<f32>, bound: f64) {
        for k in 0..f32::tile() {
            let (c, a) = (column(&memory.correlations, k), column(&memory.codes, k));
            let defined = residual(problem, &c, &a);
            let found = f64::from(memory.residual[k]);
            assert_abs_diff_eq!(found, defined, epsilon = bound);
        }
    }

    /// Both compute `H` from the same dictionary, and one rounds it, which changes `H a` by ε/2 of
    /// the sizes that are summed. A near step adds the error that `is_near` allows and the rounding
    /// of the descent, half an ε of the largest correlation.
    #[test]
    fn certificates_after_a_near_step_are_those_of_the_definition() {
        let (problem, mut memory) = near_the_optimum();
        let epsilon = f64::from(f32::EPSILON);
        let sizes = |code: &[f32]| code.iter().map(|a| f64::from(a.abs())).sum::<f64>();
        let relative = (0..f32::tile()).map(|k| {
            let scale = f64::from(memory.scale[k]);
            sizes(&column(&memory.codes, k)) / scale
        });
        let of_gram = 0.5 * epsilon * relative.fold(0.0, f64::max);
        widen(&mut memory);
        measure_in_f64(&problem, &mut memory);
        assert_certified(&problem, &memory, of_gram);

        let step = synthetic::normal_matrix::<f32>(padded(ATOMS), f32::tile(), 3);
        for size in [1e-6_f32, 1e-4, 1e-3] {
            let (problem, mut memory) = near_the_optimum();
            widen(&mut memory);
            measure_in_f64(&problem, &mut memory);
            for j in 0..ATOMS {
                for k in 0..f32::tile() {
                    let at = j * f32::tile() + k;
                    let from = memory.codes[at];
                    memory.codes[at] += size * step[(j, k)];
                    memory.step[at] = memory.codes[at] - from;
                }
            }
            assert!(is_near(&problem, &memory, TOLERANCE));
            measure_near(&problem, &mut memory);
            let bound = of_gram + TOLERANCE / 32.0 + 0.5 * epsilon;
            assert_certified(&problem, &memory, bound);
        }
        memory.step.fill(1.0);
        assert!(!is_near(&problem, &memory, TOLERANCE));
    }
}
