//! A single problem outside a network, which owns its parameters.

use crate::context::Context;
use crate::error::GpuError;
use crate::padded::Padded;
use crate::problem::{DeviceProblem, DeviceProblems, ProblemParameters};
use crate::update::{Parameters, Rule};

/// A single problem that owns its parameters.
#[derive(Debug)]
#[non_exhaustive]
pub struct SingleProblem {
    /// Dictionary, λ1 and λ2, in this order.
    pub parameters: Parameters,
    /// The set that contains only this problem.
    pub problems: DeviceProblems,
}

impl SingleProblem {
    /// Creates the problem of a dictionary (m × n, row by row), λ1 (one number, or one per atom)
    /// and λ2.
    ///
    /// # Errors
    /// Returns an error if the lengths do not fit together, if there are no atoms or more than
    /// [`MAX_ATOMS`](crate::MAX_ATOMS), or if device memory is exhausted.
    pub fn new(
        context: &Context,
        dictionary: &[f32],
        atoms: usize,
        lambda1: &[f32],
        lambda2: f32,
    ) -> Result<Self, GpuError> {
        Padded::of(atoms)?;
        let rule = Rule::learned(1.0);
        let lens = [dictionary.len(), lambda1.len(), 1].map(|len| (len, rule));
        let mut parameters = Parameters::new(context, &lens)?;
        for (index, values) in [dictionary, lambda1, &[lambda2]].into_iter().enumerate() {
            parameters.values.get_mut(index)?.write(values)?;
        }
        let all = ProblemParameters::new(atoms, [0, 1, 2]);
        let mut problems = DeviceProblems::new(context, &parameters, &[all])?;
        problems.update(&parameters)?;
        Ok(Self {
            parameters,
            problems,
        })
    }

    /// Returns the problem.
    ///
    /// # Errors
    /// Returns an error only if the public fields have been replaced.
    pub fn problem(&self) -> Result<DeviceProblem<'_>, GpuError> {
        self.problems.get(0, &self.parameters)
    }
}
