//! The forward and backward passes through all steps.
//!
//! Let `V_k = B_k C + S_k A_{k-1}` and `A_k = prox(V_k; θ_k)` for a minibatch of P columns. With
//! `G_K = (H A_K - C + λ1 sign(A_K)) / P`, the gradient of the mean objective with respect to
//! `A_K`, the backward pass computes for k = K, ..., 1:
//!
//! ```text
//! G_k <- G_k where A_k != 0, else 0
//! dB_k = G_k C',   dS_k = G_k A_{k-1}',   dθ_k = -sum over columns of G_k sign(A_k)
//! G_{k-1} = S_k' G_k
//! ```

use faer::{Accum, Mat, MatRef};

use super::ListaLayer;
use crate::problem::Problem;
use crate::tile::kernels::shrink;
use crate::tile::{self, Scalar};

/// Computes `sum over columns of 1/2 a'Ha - c'a + λ1'|a|`, in f64.
pub(super) fn objective<T: Scalar>(
    problem: &Problem<T>,
    correlations: MatRef<'_, T>,
    codes: MatRef<'_, T>,
) -> f64 {
    let mut fitted = Mat::<T>::zeros(codes.nrows(), codes.ncols());
    multiply(&mut fitted, problem.gram(), codes, Accum::Replace);
    let mut sum = 0.0;
    for k in 0..codes.ncols() {
        for (j, &lambda1) in problem.lambda1().iter().enumerate() {
            let a = codes[(j, k)].to_f64();
            let slope = 0.5 * fitted[(j, k)].to_f64() - correlations[(j, k)].to_f64();
            sum += a * slope + lambda1.to_f64() * a.abs();
        }
    }
    sum
}

/// Computes `out (+)= A B` on the calling thread.
fn multiply<T: Scalar>(out: &mut Mat<T>, a: MatRef<'_, T>, b: MatRef<'_, T>, accum: Accum) {
    tile::multiply(out.as_mut(), accum, a, b, T::ONE);
}

/// The codes after each layer, starting with `A_0 = 0`.
pub(super) struct Forward<'a, T: Scalar> {
    correlations: MatRef<'a, T>,
    codes: Vec<Mat<T>>,
}

impl<'a, T: Scalar> Forward<'a, T> {
    pub(super) fn run(
        layers: &[ListaLayer<T>],
        problem: &Problem<T>,
        correlations: MatRef<'a, T>,
    ) -> Self {
        let (n, columns) = correlations.shape();
        let mut codes = vec![Mat::<T>::zeros(n, columns)];
        for layer in layers {
            let mut next = Mat::<T>::zeros(n, columns);
            multiply(
                &mut next,
                layer.from_correlations.as_ref(),
                correlations,
                Accum::Replace,
            );
            if let Some(last) = codes.last() {
                multiply(
                    &mut next,
                    layer.from_codes.as_ref(),
                    last.as_ref(),
                    Accum::Add,
                );
            }
            for column in next.col_iter_mut() {
                for (code, &threshold) in column.iter_mut().zip(&layer.thresholds) {
                    *code = shrink(*code, threshold, problem.signed());
                }
            }
            codes.push(next);
        }
        Self {
            correlations,
            codes,
        }
    }

    fn last(&self) -> MatRef<'_, T> {
        self.codes[self.codes.len() - 1].as_ref()
    }

    /// The objective, summed over columns.
    pub(super) fn objective(&self, problem: &Problem<T>) -> f64 {
        objective(problem, self.correlations, self.last())
    }

    /// Computes the gradient of the mean objective with respect to every layer.
    pub(super) fn backward(
        &self,
        layers: &[ListaLayer<T>],
        problem: &Problem<T>,
    ) -> Vec<ListaLayer<T>> {
        let (n, columns) = self.correlations.shape();
        let share = T::from_f64(1.0 / columns as f64);
        let mut gradient = Mat::<T>::zeros(n, columns);
        multiply(&mut gradient, problem.gram(), self.last(), Accum::Replace);
        for k in 0..columns {
            for (j, &lambda1) in problem.lambda1().iter().enumerate() {
                let slope = lambda1 * sign(self.last()[(j, k)]);
                let value = gradient[(j, k)] - self.correlations[(j, k)] + slope;
                gradient[(j, k)] = value * share;
            }
        }
        let mut gradients = Vec::with_capacity(layers.len());
        for (layer, pair) in layers.iter().zip(self.codes.windows(2)).rev() {
            let (before, after) = (&pair[0], &pair[1]);
            let mut thresholds = vec![T::ZERO; n];
            for k in 0..columns {
                for (j, threshold) in thresholds.iter_mut().enumerate() {
                    let sign = sign(after[(j, k)]);
                    if sign == T::ZERO {
                        gradient[(j, k)] = T::ZERO;
                    }
                    *threshold -= gradient[(j, k)] * sign;
                }
            }
            let mut from_correlations = Mat::<T>::zeros(n, n);
            let mut from_codes = Mat::<T>::zeros(n, n);
            let against = |out: &mut Mat<T>, input: MatRef<'_, T>| {
                multiply(out, gradient.as_ref(), input.transpose(), Accum::Replace);
            };
            against(&mut from_correlations, self.correlations);
            against(&mut from_codes, before.as_ref());
            gradients.push(ListaLayer {
                from_correlations,
                from_codes,
                thresholds,
            });
            let mut earlier = Mat::<T>::zeros(n, columns);
            multiply(
                &mut earlier,
                layer.from_codes.transpose(),
                gradient.as_ref(),
                Accum::Replace,
            );
            gradient = earlier;
        }
        gradients.reverse();
        gradients
    }
}

fn sign<T: Scalar>(value: T) -> T {
    if value > T::ZERO {
        T::ONE
    } else if value < T::ZERO {
        -T::ONE
    } else {
        T::ZERO
    }
}

/// The parameters of a layer.
pub(super) fn numbers<T: Scalar>(layer: &ListaLayer<T>) -> impl Iterator<Item = &T> {
    let matrices = [&layer.from_correlations, &layer.from_codes];
    let entries = matrices.into_iter().flat_map(|matrix| matrix.col_iter());
    entries
        .flat_map(|column| column.iter())
        .chain(&layer.thresholds)
}

/// The parameters of a layer, in the order of [`numbers`].
pub(super) fn numbers_mut<T: Scalar>(layer: &mut ListaLayer<T>) -> impl Iterator<Item = &mut T> {
    let matrices = [&mut layer.from_correlations, &mut layer.from_codes];
    let entries = matrices
        .into_iter()
        .flat_map(|matrix| matrix.col_iter_mut());
    entries
        .flat_map(|column| column.iter_mut())
        .chain(&mut layer.thresholds)
}

#[cfg(test)]
mod tests {
    use approx::abs_diff_eq;

    use super::*;
    use crate::ElasticNet;
    use crate::synthetic::{dictionary, normal_matrix};

    /// Central differences in f64. If no code is within the step of its kink, the objective is a
    /// polynomial of low degree in every parameter: the error is the third derivative times h²,
    /// about 1e-10 for h = 1e-5, and rounding over h, 1e-11.
    #[test]
    fn gradients_agree_with_central_differences() {
        for signed in [false, true] {
            let penalty = if signed {
                ElasticNet::signed(0.2, 0.1)
            } else {
                ElasticNet::nonnegative(0.2, 0.1)
            };
            let atoms = dictionary::<f64>(6, 5, 0.3, 1);
            let problem = Problem::new(atoms.as_ref(), penalty).expect("a valid problem");
            let correlations = atoms.transpose() * normal_matrix::<f64>(6, 7, 2);
            let correlations = correlations.as_ref();
            // Away from the initial parameters, where all layers are alike.
            let mut layers = vec![ListaLayer::ista(&problem); 3];
            for (layer, seed) in layers.iter_mut().zip(3..) {
                layer.from_correlations += normal_matrix::<f64>(5, 5, seed) * faer::Scale(0.05);
                layer.from_codes += normal_matrix::<f64>(5, 5, seed + 10) * faer::Scale(0.05);
            }
            let mean = |layers: &[ListaLayer<f64>]| {
                Forward::run(layers, &problem, correlations).objective(&problem) / 7.0
            };
            let forward = Forward::run(&layers, &problem, correlations);
            let gradients = forward.backward(&layers, &problem);
            let gradients: Vec<f64> = gradients.iter().flat_map(numbers).copied().collect();
            assert!(gradients.iter().filter(|g| g.abs() > 1e-3).count() > 50);
            let step = 1e-5;
            for (place, gradient) in gradients.into_iter().enumerate() {
                let moved = |by: f64| {
                    let mut layers = layers.clone();
                    let number = layers.iter_mut().flat_map(numbers_mut).nth(place);
                    *number.expect("as many as gradients") += by;
                    mean(&layers)
                };
                let difference = (moved(step) - moved(-step)) / (2.0 * step);
                assert!(
                    abs_diff_eq!(difference, gradient, epsilon = 1e-8),
                    "number {place}: {gradient} for {difference}"
                );
            }
        }
    }
}
