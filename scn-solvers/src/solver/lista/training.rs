//! Training of the layers with Adam.

use faer::{Mat, MatRef};

use super::pass::{Forward, numbers, numbers_mut, objective};
use super::{Lista, ListaLayer};
use crate::ListaError;
use crate::adam::Adam;
use crate::encode::encode_correlations;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::shapes::check_correlations;
use crate::solver::Auto;
use crate::start::Start;
use crate::tile::Scalar;

/// The settings of [`Lista::train`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ListaTraining {
    /// Number of passes over all signals.
    pub epochs: usize,
    /// Signals per step.
    pub batch_size: usize,
    /// The initial learning rate of Adam, which decays linearly to zero. It is relative: `B_k` is
    /// measured in multiples of 1/L, and `θ_k` in multiples of λ1/L.
    pub learning_rate: f64,
}

impl Default for ListaTraining {
    /// The defaults: 30 epochs of minibatches of 64, with an initial learning rate of 3e-3.
    fn default() -> Self {
        Self {
            epochs: 30,
            batch_size: 64,
            learning_rate: 3e-3,
        }
    }
}

/// The result of an epoch of training.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ListaEpoch {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The [gap](Lista::gap) on the training signals, each measured before the step that learned
    /// from it.
    pub gap: f64,
}

impl ListaTraining {
    /// Sets the number of epochs.
    pub fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// Sets the number of signals per step, at least 1.
    pub fn batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// Sets the initial learning rate, which must be above 0.
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
    /// Returns the fraction of the way from the zero code to the optimum that is left, over all
    /// signals: `sum (F(a_K) - F(a*)) / sum (F(0) - F(a*))`, where F is the objective and `a*` is
    /// computed to a KKT residual of 1e-5 (1e-9 in `f64`). 0 means exact. `correlations` is
    /// `c = D'x`, n × P.
    ///
    /// # Errors
    /// Returns an error if shapes do not fit, or if the optimum cannot be computed to that
    /// residual.
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

    /// Learns from signals like those to come, given by their correlations `c = D'x`, n × P.
    /// Starting from the current layers, this lowers the mean objective of `a_K` by Adam on
    /// minibatches in the given order. It calls `after_epoch` with the gap to the optimum on these
    /// signals, and runs on the calling thread only.
    ///
    /// The objective replaces the published distance to the optimal codes, which it bounds from
    /// above. It needs no optimal codes (Ablin, Moreau, Massias, Gramfort, "Learning step sizes for
    /// unfolded sparse coding", NeurIPS 2019).
    ///
    /// # Errors
    /// Returns an error if shapes do not fit, settings are out of range, or the optimum cannot be
    /// computed.
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
        let mut adam = Adam::new(units(&self.layers, problem));
        for epoch in 1..=training.epochs {
            let mut reached = 0.0;
            for first in (0..columns).step_by(training.batch_size) {
                let count = training.batch_size.min(columns - first);
                let batch = correlations.subcols(first, count);
                let forward = Forward::run(&self.layers, problem, batch);
                reached += forward.objective(problem);
                let gradients = forward.backward(&self.layers, problem);
                let left = 1.0 - f64::from(adam.steps()) / steps as f64;
                let rate = training.learning_rate * left;
                take_step(&mut adam, &mut self.layers, &gradients, rate);
            }
            after_epoch(ListaEpoch {
                epoch,
                gap: relative(reached, best),
            });
        }
        self.packed = self.layers.iter().map(ListaLayer::pack).collect();
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

/// Computes `sum F(a*)`, where `F(0) = 0`: half the squared norm of the signals is left out.
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

/// The fraction of the way from 0 to the optimum that is left; 0 if the optimum is 0.
fn relative(reached: f64, best: f64) -> f64 {
    if best < 0.0 {
        (reached - best) / -best
    } else {
        0.0
    }
}

/// The unit of each parameter; see [`ListaTraining::learning_rate`].
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

/// Takes one step of Adam. Thresholds stay at least 0.
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
