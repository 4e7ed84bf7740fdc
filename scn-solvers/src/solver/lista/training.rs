//! Learning the steps: the gradient of the mean objective through all of them, and Adam.
//!
//! With `V_k = B_k C + S_k A_{k-1}`, `A_k = prox(V_k; θ_k)` for a minibatch of P columns, and `G_K = (H A_K - C + λ1 sign(A_K)) / P`
//! the gradient of the mean objective, backwards from k = K:
//!
//! ```text
//! G_k <- G_k where A_k != 0, else 0
//! dB_k = G_k C',   dS_k = G_k A_{k-1}',   dθ_k = -sum over columns of G_k sign(A_k),   G_{k-1} = S_k' G_k
//! ```

use faer::{Accum, Mat, MatRef};

use super::{Lista, ListaLayer};
use crate::ListaError;
use crate::adam::Adam;
use crate::encode::encode_correlations;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::shapes::check_correlations;
use crate::solver::Auto;
use crate::start::Start;
use crate::tile::kernels::shrink;
use crate::tile::{Multiply, Scalar};

/// How [`Lista::train`] learns.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ListaTraining {
    /// Times that all signals are visited.
    pub epochs: usize,
    /// Signals per step.
    pub batch_size: usize,
    /// The first step size of Adam, from where it falls to zero in a straight line. Relative: `B_k` is counted in
    /// multiples of 1/L, and `θ_k` in multiples of λ1/L.
    pub learning_rate: f64,
}

impl Default for ListaTraining {
    /// 30 epochs of minibatches of 64, from 3e-3.
    fn default() -> Self {
        Self {
            epochs: 30,
            batch_size: 64,
            learning_rate: 3e-3,
        }
    }
}

/// What an epoch came to.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ListaEpoch {
    /// From 1.
    pub epoch: usize,
    /// As [`Lista::gap`], on the signals learned from, while they were.
    pub gap: f64,
}

impl ListaTraining {
    /// The same, with so many epochs.
    pub fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// The same, with so many signals per step, at least 1.
    pub fn batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// The same, with another first step size, above 0.
    pub fn learning_rate(self, learning_rate: f64) -> Self {
        Self {
            learning_rate,
            ..self
        }
    }

    fn check(&self) -> Result<(), ListaError> {
        let rate = self.learning_rate;
        if self.batch_size == 0 || !(rate.is_finite() && rate > 0.0) {
            return Err(ListaError::Training {
                batch_size: self.batch_size,
                learning_rate: rate,
            });
        }
        Ok(())
    }
}

impl<T: Scalar> Lista<T> {
    /// What is left of the way from the code zero to the optimum, over all signals together:
    /// `sum (F(a_K) - F(a*)) / sum (F(0) - F(a*))`, with F the objective and `a*` computed to certificates of
    /// 1e-5 (1e-9 in `f64`). 0 is exact. `correlations` is `c = D'x`, n × P.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn gap(
        &self,
        problem: &Problem<T>,
        correlations: MatRef<'_, T>,
    ) -> Result<f64, ListaError> {
        check_shape(self, problem, correlations)?;
        let best = optimum(problem, correlations)?;
        let reached = Forward::run(self.layers(), problem, correlations).objective(problem);
        Ok(relative(reached, best))
    }

    /// Learns from signals like those to come, given by their correlations `c = D'x`, n × P: lowers the mean objective of
    /// `a_K`, from what the layers are, by Adam on minibatches in the order given. Calls `after_epoch` with the gap to the optimum
    /// on these signals. On the calling thread alone.
    ///
    /// The objective takes the place of the published distance to the optimal codes, which it bounds from above; it needs no
    /// optimal codes (Ablin, Moreau, Massias, Gramfort, "Learning step sizes for unfolded sparse coding", NeurIPS 2019).
    ///
    /// # Errors
    /// Shapes that do not fit, settings out of range.
    pub fn train(
        &mut self,
        problem: &Problem<T>,
        correlations: MatRef<'_, T>,
        training: &ListaTraining,
        after_epoch: &mut dyn FnMut(ListaEpoch),
    ) -> Result<(), ListaError> {
        training.check()?;
        check_shape(self, problem, correlations)?;
        let columns = correlations.ncols();
        let best = optimum(problem, correlations)?;
        let steps = training.epochs * columns.div_ceil(training.batch_size);
        let mut layers = self.layers().to_vec();
        let mut adam = Adam::new(units(&layers, problem));
        for epoch in 1..=training.epochs {
            let mut reached = 0.0;
            for first in (0..columns).step_by(training.batch_size) {
                let count = training.batch_size.min(columns - first);
                let batch = correlations.subcols(first, count);
                let forward = Forward::run(&layers, problem, batch);
                reached += forward.objective(problem);
                let gradients = forward.backward(&layers, problem);
                let left = 1.0 - f64::from(adam.steps()) / steps as f64;
                let rate = training.learning_rate * left;
                take_step(&mut adam, &mut layers, &gradients, rate);
            }
            after_epoch(ListaEpoch {
                epoch,
                gap: relative(reached, best),
            });
        }
        self.set_layers(layers);
        Ok(())
    }
}

fn check_shape<T: Scalar>(
    lista: &Lista<T>,
    problem: &Problem<T>,
    correlations: MatRef<'_, T>,
) -> Result<(), ListaError> {
    let atoms = problem.atoms();
    if !lista.fits(problem) {
        let found = lista.layers.first();
        return Err(ListaError::Problem {
            expected: found.map_or(0, |layer| layer.thresholds.len()),
            found: atoms,
        });
    }
    let shape = correlations.shape();
    check_correlations(problem, shape, (atoms, shape.1))?;
    Ok(())
}

/// `sum F(a*)`, where `F(0) = 0`: half the squared norm of the signals is left out.
fn optimum<T: Scalar>(
    problem: &Problem<T>,
    correlations: MatRef<'_, T>,
) -> Result<f64, ListaError> {
    let tolerance = if T::EPSILON.to_f64() > 1e-10 {
        1e-5
    } else {
        1e-9
    };
    let solver = Auto::new(Settings::new(tolerance, 100_000).unwrap_or_default());
    let mut codes = Mat::zeros(problem.atoms(), correlations.ncols());
    let report = encode_correlations(&solver, problem, correlations, codes.as_mut(), Start::Zero)?;
    if !report.converged() {
        return Err(ListaError::Optimum {
            unconverged: report.unconverged.len(),
            residual: report.residual,
        });
    }
    Ok(objective(problem, correlations, codes.as_ref()))
}

/// `sum over columns of 1/2 a'Ha - c'a + λ1'|a|`, in f64.
fn objective<T: Scalar>(
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
            let descent = 0.5 * fitted[(j, k)].to_f64() - correlations[(j, k)].to_f64();
            sum += a * descent + lambda1.to_f64() * a.abs();
        }
    }
    sum
}

/// What is left of the way from 0 to the optimum; 0 if there is no way.
fn relative(reached: f64, best: f64) -> f64 {
    if best < 0.0 {
        (reached - best) / -best
    } else {
        0.0
    }
}

/// `out (+)= A B`, on the calling thread.
fn multiply<T: Scalar>(out: &mut Mat<T>, a: MatRef<'_, T>, b: MatRef<'_, T>, accum: Accum) {
    T::multiply(Multiply {
        a,
        b,
        factor: T::ONE,
        accumulate: accum,
        out: out.as_mut(),
    });
}

/// The codes after each layer, `A_0 = 0` first.
struct Forward<'a, T: Scalar> {
    correlations: MatRef<'a, T>,
    codes: Vec<Mat<T>>,
}

impl<'a, T: Scalar> Forward<'a, T> {
    fn run(layers: &[ListaLayer<T>], problem: &Problem<T>, correlations: MatRef<'a, T>) -> Self {
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

    /// Summed over columns.
    fn objective(&self, problem: &Problem<T>) -> f64 {
        objective(problem, self.correlations, self.last())
    }

    /// The gradient of the mean objective with respect to every layer.
    fn backward(&self, layers: &[ListaLayer<T>], problem: &Problem<T>) -> Vec<ListaLayer<T>> {
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

/// What each number is counted in multiples of: see [`ListaTraining::learning_rate`].
fn units<T: Scalar>(layers: &[ListaLayer<T>], problem: &Problem<T>) -> Vec<f64> {
    let lipschitz = problem.lipschitz().to_f64();
    let lambda1 = problem.lambda1().iter();
    let lambda1: Vec<f64> = lambda1.map(|l| l.to_f64() / lipschitz).collect();
    let mut units = Vec::new();
    for layer in layers {
        let square = layer.from_codes.nrows() * layer.from_codes.ncols();
        units.extend(std::iter::repeat_n(1.0 / lipschitz, square));
        units.extend(std::iter::repeat_n(1.0, square));
        units.extend(&lambda1);
    }
    units
}

/// One step of Adam. Thresholds stay at least 0.
fn take_step<T: Scalar>(
    adam: &mut Adam,
    layers: &mut [ListaLayer<T>],
    gradients: &[ListaLayer<T>],
    rate: f64,
) {
    let gradients = gradients.iter().flat_map(numbers).map(|g| g.to_f64());
    let steps = adam.step(gradients, rate);
    for (step, number) in steps.zip(layers.iter_mut().flat_map(numbers_mut)) {
        if let Some(step) = step {
            *number -= T::from_f64(step);
        }
    }
    for threshold in layers.iter_mut().flat_map(|layer| &mut layer.thresholds) {
        if *threshold < T::ZERO {
            *threshold = T::ZERO;
        }
    }
}

/// All numbers of a layer.
fn numbers<T: Scalar>(layer: &ListaLayer<T>) -> impl Iterator<Item = &T> {
    let matrices = [&layer.from_correlations, &layer.from_codes];
    let entries = matrices.into_iter().flat_map(|matrix| matrix.col_iter());
    entries
        .flat_map(|column| column.iter())
        .chain(&layer.thresholds)
}

/// All numbers of a layer, in the order of [`numbers`].
fn numbers_mut<T: Scalar>(layer: &mut ListaLayer<T>) -> impl Iterator<Item = &mut T> {
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

    /// Central differences in f64. Where no code is within the step of its kink, the objective is a polynomial in every number
    /// of low degree: the error is the third derivative times h², with h = 1e-5 some 1e-10, and rounding over h, 1e-11.
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
            // Away from the start, where all layers are alike.
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
