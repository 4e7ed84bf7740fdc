//! What the layers of a network need on a device: parameters, problems and moments, each in buffers that all layers share.

use scn_gpu::update::{Parameters, Rule};
use scn_gpu::{Buffer, Context, DeviceProblems, ProblemParameters};

use crate::NetError;
use crate::param::{Param, Role};

/// Counts what layers need, in order of flow, before any of it is there.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    parameters: Vec<(usize, Rule)>,
    problems: Vec<ProblemParameters>,
    moments: usize,
}

impl Inventory {
    /// Room for a parameter with gradient and momentum; its index.
    pub(crate) fn parameter(&mut self, param: &Param) -> usize {
        let rule = match param.role {
            Role::Learned { rate, nonnegative } => {
                let rule = Rule::learned(rate);
                if nonnegative {
                    rule.nonnegative()
                } else {
                    rule
                }
            }
            Role::Fixed | Role::Statistic => Rule::fixed(),
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
    pub(crate) fn problem(&mut self, atoms: usize, indices: [usize; 3]) -> usize {
        self.problems.push(ProblemParameters::new(atoms, indices));
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
    pub(super) problems: DeviceProblems,
    /// Moments of the training data, for inference: those of one normalisation after the other.
    pub(super) running: Buffer<f32>,
}

impl Weights {
    /// Room for all that has been counted.
    pub(super) fn new(context: &Context, inventory: &Inventory) -> Result<Self, NetError> {
        let parameters = Parameters::new(context, &inventory.parameters)?;
        Ok(Self {
            problems: DeviceProblems::new(context, &parameters, &inventory.problems)?,
            parameters,
            running: context.zeros(inventory.moments)?,
        })
    }
}
