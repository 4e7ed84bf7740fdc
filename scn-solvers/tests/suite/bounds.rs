//! Bounds on the distance from the optimum of codes with a given KKT residual.
//!
//! Let `r_j = H_jj a_j - prox(H_jj a_j - g_j)` with `|r_j| <= ρ`, and `D` the diagonal of `H`. Then
//! `y = a - D⁻¹ r` is the exact solution for correlations that differ by `(H - D) D⁻¹ r`, and
//! solutions move by at most that difference over the smallest eigenvalue of `H`.

use faer::{Mat, Side};
use scn_solvers::Scalar;

use crate::instance::Instance;

/// Bounds for one column.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Bound on the KKT residual that `certify` measures.
    pub(crate) kkt: f64,
    /// Bound on `||a - a*||`.
    pub(crate) code: f64,
    /// Bound on the duality gap.
    pub(crate) gap: f64,
}

impl Bounds {
    /// Computes bounds for codes whose residual a solver in `T` has found to be at most
    /// `tolerance`.
    pub(crate) fn new<T: Scalar>(
        instance: &Instance,
        codes: &Mat<f64>,
        column: usize,
        tolerance: f64,
    ) -> Self {
        let (m, n) = instance.dictionary.shape();
        let (correlations, gradient) = instance.correlations_and_gradient(codes, column);
        let gram = instance.problem::<f64>().gram().to_owned();
        let code = |j: usize| codes[(j, column)].abs();
        let diagonal = |j: usize| gram[(j, j)];
        let signal = instance.signals.col(column).norm_l2();
        let scale = correlations.iter().fold(1e-30, |s: f64, c| s.max(c.abs()));

        // Rounding in T: a product of length m in each entry of `D'x` and `D'D`, one of length n in
        // `H a`, and a few single operations. By Cauchy-Schwarz, sums of absolute values do not
        // exceed these.
        let fit: f64 = (0..n).map(|j| diagonal(j).sqrt() * code(j)).sum();
        let norm = (0..n).map(diagonal).fold(0.0, f64::max).sqrt();
        let lambda1 = instance.lambda1.iter().copied().fold(0.0, f64::max);
        let epsilon = (m + n + 8) as f64 * T::EPSILON.to_f64();
        let rounding = epsilon * (norm * (signal + fit) + lambda1);
        let rho = tolerance * scale + 2.0 * rounding;

        // Zero atoms do not matter, because their codes are zero.
        let live: Vec<usize> = (0..n).filter(|&j| diagonal(j) > 0.0).collect();
        let smaller = Mat::from_fn(live.len(), live.len(), |p, q| gram[(live[p], live[q])]);
        let eigenvalues = smaller.self_adjoint_eigenvalues(Side::Lower).unwrap();
        let smallest_diagonal = live
            .iter()
            .map(|&j| diagonal(j))
            .fold(f64::INFINITY, f64::min);
        let condition = eigenvalues[live.len() - 1] / eigenvalues[0];
        let code_bound = rho * (n as f64).sqrt() / smallest_diagonal * (1.0 + condition);

        let fitted_square = |j: usize| code(j) * fit * diagonal(j).sqrt();
        let sizes: f64 = live
            .iter()
            .map(|&j| correlations[j].abs() * code(j) + fitted_square(j) + lambda1 * code(j))
            .sum();
        let gap = if instance.lambda2 > 0.0 {
            fenchel(instance, codes, column, &gradient, rho)
        } else {
            let smallest = instance
                .lambda1
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min);
            // The `scale` of the lasso's dual point is at least λ1 / (λ1 + ρ).
            let shrunk = 0.5 * signal * signal * (rho / smallest).powi(2);
            let complementarity = |&j: &usize| {
                2.0 * code(j) + (2.0 * instance.lambda1[j] + rho + gradient[j].abs()) / diagonal(j)
            };
            shrunk + rho * live.iter().map(complementarity).sum::<f64>()
        };
        Self {
            kkt: rho / scale,
            code: code_bound,
            gap: gap + 4.0 * epsilon * (0.5 * signal * signal + sizes),
        }
    }
}

/// Bounds the gap by Fenchel's inequality, entry by entry:
/// `λ1 |a| + λ2/2 a² + max(|v| - λ1, 0)² / (2 λ2) - a v`, where `v = λ2 a - g`. Either the entry
/// and its optimum differ by `ρ/λ2`, or the entry is below `ρ/H_jj <= ρ/λ2`. The term is at most
/// that times the slope, `λ1 + |v| + 2ρ`.
fn fenchel(
    instance: &Instance,
    codes: &Mat<f64>,
    column: usize,
    gradient: &[f64],
    rho: f64,
) -> f64 {
    let terms = gradient.iter().enumerate().map(|(j, g)| {
        let v = instance.lambda2 * codes[(j, column)] - g;
        rho / instance.lambda2 * (instance.lambda1[j] + v.abs() + 2.0 * rho)
    });
    terms.sum()
}
