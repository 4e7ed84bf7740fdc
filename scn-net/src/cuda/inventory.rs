//! What the layers of a network need on a device, counted before any of it is there.

use scn_gpu::ProblemParameters;
use scn_gpu::update::Rule;

use crate::param::{Param, Role};

/// Counts what layers need, in order of flow, before any of it is there.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) parameters: Vec<(usize, Rule)>,
    pub(super) problems: Vec<ProblemParameters>,
    /// Means and variances of all channels of all normalisations.
    pub(super) moments: usize,
}

impl Inventory {
    /// Room for a parameter with gradient and momentum; its index.
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

    /// Whether each parameter is learned, by its index.
    pub(super) fn learned(&self) -> Vec<bool> {
        let rules = self.parameters.iter();
        rules.map(|(_, rule)| rule.learned).collect()
    }

    /// Room for what is derived from dictionary, λ1 and λ2, given the indices of these; the
    /// problem's index.
    pub(super) fn problem(&mut self, atoms: usize, indices: [usize; 3]) -> usize {
        self.problems.push(ProblemParameters::new(atoms, indices));
        self.problems.len() - 1
    }

    /// Room for a mean and a variance of each channel; the place of the first.
    pub(super) fn moments(&mut self, channels: usize) -> usize {
        self.moments += 2 * channels;
        self.moments - 2 * channels
    }
}
