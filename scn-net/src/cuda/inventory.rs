//! What the layers of a network need on a device: parameters, problems and moments, each in buffers that all layers share.

use scn_gpu::update::{Parameters, Rule};
use scn_gpu::{Buffer, Context, ProblemPlace, Problems};

use crate::NetError;
use crate::param::{Param, Role};

/// Counts what layers need, in order of flow, before any of it is there.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    parameters: Vec<(usize, Rule)>,
    problems: Vec<ProblemPlace>,
    moments: usize,
}

impl Inventory {
    /// Room for a parameter with gradient and momentum; its index.
    pub(crate) fn parameter(&mut self, param: &Param) -> usize {
        let rule = match param.role {
            Role::Learned { rate, nonnegative } => Rule {
                rate,
                nonnegative,
                learned: true,
            },
            Role::Fixed | Role::Statistic => Rule {
                rate: 0.0,
                nonnegative: false,
                learned: false,
            },
        };
        self.parameters.push((param.value.len(), rule));
        self.parameters.len() - 1
    }

    /// Whether each parameter is learned, by its index.
    pub(super) fn learned(&self) -> Vec<bool> {
        let rules = self.parameters.iter();
        rules.map(|(_, rule)| rule.learned).collect()
    }

    /// Room for what is derived from dictionary, λ1 and λ2, given the indices of these; the problem's index.
    pub(crate) fn problem(
        &mut self,
        atoms: usize,
        [dictionary, lambda1, lambda2]: [usize; 3],
    ) -> usize {
        self.problems.push(ProblemPlace {
            atoms,
            dictionary,
            lambda1,
            lambda2,
        });
        self.problems.len() - 1
    }

    /// Room for a mean and a variance of each channel; the place of the first.
    pub(crate) fn moments(&mut self, channels: usize) -> usize {
        self.moments += 2 * channels;
        self.moments - 2 * channels
    }
}

/// A network's numbers on a device.
#[derive(Debug)]
pub(super) struct Weights {
    pub(super) parameters: Parameters,
    pub(super) problems: Problems,
    /// Moments of the training data, for inference: those of one normalisation after the other.
    pub(super) running: Buffer<f32>,
}

impl Weights {
    /// Room for all that has been counted.
    pub(super) fn new(context: &Context, inventory: &Inventory) -> Result<Self, NetError> {
        let parameters = Parameters::new(context, &inventory.parameters)?;
        Ok(Self {
            problems: Problems::new(context, &parameters, &inventory.problems)?,
            parameters,
            running: context.zeros(inventory.moments)?,
        })
    }
}
