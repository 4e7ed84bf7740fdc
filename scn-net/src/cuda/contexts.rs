//! What a layer is given on a device, beside its input.

use scn_gpu::{Buffer, GradientSums, Reports};

use super::solver_settings::SolverSettings;
use super::weights::Weights;

/// The moments of a batch: a row for each group of images, the moments of all normalisations in
/// each.
#[derive(Debug)]
pub(super) struct BatchMoments {
    pub(super) rows: Buffer<f32>,
    /// Numbers of a row.
    pub(super) stride: usize,
    /// Groups of the images of this device: rows that are used.
    pub(super) groups: usize,
}

/// What the layers need on the forward pass.
pub(super) struct ForwardContext<'a> {
    pub(super) weights: &'a Weights,
    pub(super) solver: &'a SolverSettings,
    pub(super) reports: &'a mut Reports,
    /// In training; inference takes those of the training data.
    pub(super) moments: Option<&'a mut BatchMoments>,
}

/// What the layers need on the backward pass.
pub(super) struct BackwardContext<'a> {
    pub(super) weights: &'a mut Weights,
    pub(super) solver: &'a SolverSettings,
    pub(super) reports: &'a mut Reports,
    pub(super) moments: &'a BatchMoments,
    pub(super) sums: &'a mut GradientSums,
}
