//! The memory that the layers of a network need on a device, counted before it is allocated.

use scn_gpu::ProblemParameters;
use scn_gpu::update::Rule;

use crate::param::{Param, Role};

/// A count of the memory that layers need, in forward order.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) parameters: Vec<(usize, Rule)>,
    pub(super) problems: Vec<ProblemParameters>,
    /// Number of means and variances of all channels of all normalisations.
    pub(super) moments: usize,
}

impl Inventory {
    /// Reserves room for a parameter with its gradient and velocity, and returns its index.
    pub(super) fn parameter(&mut self, param: &Param) -> usize {
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

    /// Returns whether each parameter is learned, by its index.
    pub(super) fn learned(&self) -> Vec<bool> {
        let rules = self.parameters.iter();
        rules.map(|(_, rule)| rule.learned).collect()
    }

    /// Reserves room for the data derived from dictionary, λ1 and λ2 with these indices, and
    /// returns the index of the problem.
    pub(super) fn problem(&mut self, atoms: usize, indices: [usize; 3]) -> usize {
        self.problems.push(ProblemParameters::new(atoms, indices));
        self.problems.len() - 1
    }

    /// Reserves room for a mean and a variance of each channel, and returns the index of the first.
    pub(super) fn moments(&mut self, channels: usize) -> usize {
        self.moments += 2 * channels;
        self.moments - 2 * channels
    }
}
