//! A solved problem: the data that the backward pass needs from the forward pass.

use burn::backend::flex::FlexTensor;
use scn_grad::{Gradients, Linearization, MaskedAuto};
use scn_solvers::faer::Mat;
use scn_solvers::{Auto, ElasticNet, Lambda1, Problem, Report, Settings, Start};

use crate::number::{Number, matrix, numbers, tensor, vector};
use crate::{SparseCoding, SparseCodingError};

/// Problem, signals and codes, and how to solve the linear systems of the backward pass.
#[derive(Debug)]
pub(crate) struct Solved<T: Number> {
    problem: Problem<T>,
    signals: Mat<T>,
    codes: Mat<T>,
    shared_lambda1: bool,
    adjoint: Settings,
}

impl<T: Number> Solved<T> {
    /// Runs the forward pass on dictionary, signals and λ1 of the same type.
    pub(crate) fn new(
        layer: &SparseCoding,
        [dictionary, signals, lambda1]: [FlexTensor; 3],
    ) -> Result<(Self, Report), SparseCodingError> {
        let (dictionary, signals) = (matrix::<T>(dictionary), matrix::<T>(signals));
        let lambda1 = numbers::<T>(lambda1);
        let (atoms, found) = (dictionary.ncols(), lambda1.len());
        let shared_lambda1 = found == 1;
        let lambda1 = match found {
            1 => Lambda1::Scalar(lambda1[0]),
            _ if found == atoms => Lambda1::PerAtom(lambda1),
            _ => return Err(SparseCodingError::Lambda1 { atoms, found }),
        };
        let penalty = ElasticNet {
            lambda1,
            lambda2: T::of(layer.lambda2),
            sign: layer.sign,
        };
        let problem = Problem::new(dictionary.as_ref(), penalty)?;
        let mut codes = Mat::zeros(atoms, signals.ncols());
        let solver = Auto::new(layer.settings);
        let report = scn_solvers::encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero)?;
        // Find every mismatch here, because the backward pass cannot return errors.
        Linearization::new(&problem, &signals, codes.as_ref())?;
        let solved = Self {
            problem,
            signals,
            codes,
            shared_lambda1,
            adjoint: layer.adjoint,
        };
        Ok((solved, report))
    }

    /// Returns the codes (n × N).
    pub(crate) fn codes(&self) -> FlexTensor {
        tensor(self.codes.as_ref())
    }

    /// Returns the gradients with respect to dictionary, signals and λ1.
    pub(crate) fn backward(&self, cotangent: FlexTensor) -> [FlexTensor; 3] {
        let mut gradients = Gradients::zeros(&self.problem);
        let mut signals = Mat::zeros(self.signals.nrows(), self.signals.ncols());
        let point = Linearization::new(&self.problem, &self.signals, self.codes.as_ref())
            .expect("the forward pass has checked the shapes");
        // The backward pass of burn cannot return errors: for a singular system, use whatever the
        // solver has reached.
        let _ = point
            .vjp(
                &MaskedAuto::new(self.adjoint),
                matrix(cotangent).as_ref(),
                &mut gradients,
                Some(signals.as_mut()),
            )
            .expect("a gradient has the shape of its tensor");
        let lambda1 = if self.shared_lambda1 {
            vec![gradients.shared_lambda1()]
        } else {
            gradients.lambda1
        };
        [
            tensor(gradients.dictionary.as_ref()),
            tensor(signals.as_ref()),
            vector(lambda1),
        ]
    }
}
