//! The context that a layer gets on a device, besides its input.

use scn_gpu::{Buffer, GradientSums, Reports};

use super::solver_settings::SolverSettings;
use super::weights::Weights;

/// The moments of a batch. Each row has the moments of all normalisations for one group of images.
#[derive(Debug)]
pub(super) struct BatchMoments {
    pub(super) rows: Buffer<f32>,
    /// Length of a row.
    pub(super) stride: usize,
    /// Number of groups on this device, and of rows in use.
    pub(super) groups: usize,
}

/// The context of the layers in the forward pass.
pub(super) struct ForwardContext<'a> {
    pub(super) weights: &'a Weights,
    pub(super) solver: &'a SolverSettings,
    pub(super) reports: &'a mut Reports,
    /// The moments of the batch in training; None in inference, which uses those of the training
    /// data.
    pub(super) moments: Option<&'a mut BatchMoments>,
}

/// The context of the layers in the backward pass.
pub(super) struct BackwardContext<'a> {
    pub(super) weights: &'a mut Weights,
    pub(super) solver: &'a SolverSettings,
    pub(super) reports: &'a mut Reports,
    pub(super) moments: &'a BatchMoments,
    pub(super) sums: &'a mut GradientSums,
}
