//! What a network's copy on another device can do.

use std::collections::BTreeMap;

use scn_data::Loader;

use crate::NetError;
use crate::config::SolverConfig;
use crate::feed::Fed;
use crate::layer::Activity;
use crate::network::{EachBatch, KernelTime, LayerTimes, Named, StepReport, uncoded};
use crate::ops::batch_norm::GroupMoments;
use crate::tensor::Tensor;

/// The copy of a network that computes on another device. Its parameters, gradients and momenta live there; they come back when asked for,
/// and nothing else does but logits, or loss, errors and the solvers' reports.
pub(crate) trait Replica: Send + Sync + std::fmt::Debug {
    /// Copies the values of all parameters to the device, and derives anew what depends on them.
    fn upload(&mut self, layers: &[Named]) -> Result<(), NetError>;

    /// Copies the values of all parameters, and the gradients of the last step, from the device.
    fn download(&self, layers: &mut [Named]) -> Result<(), NetError>;

    /// As [`Network::infer_timed`](crate::Network::infer_timed).
    fn infer(&self, images: &Tensor) -> Result<(Tensor, Vec<Activity>, Vec<LayerTimes>), NetError>;

    /// As [`Network::loss_and_gradients`](crate::Network::loss_and_gradients), with images in so many [groups](scn_data::groups).
    fn loss_and_gradients(
        &mut self,
        images: &Tensor,
        labels: &[u16],
        groups: usize,
    ) -> Result<StepReport, NetError>;

    /// Brings the images of a loader to the device, if it can make batches of them there: whether steps may be fed with plans.
    fn hold(&mut self, loader: &Loader) -> Result<bool, NetError>;

    /// Asks for a whole step: gradients, and a step of [`Sgd`](crate::Sgd) as in [`descend`](Self::descend). Returns what an earlier step has
    /// come to; nothing waits for this one. Before anything else is asked of the network, [`finish`](Self::finish) is called until
    /// nothing is left.
    fn train(
        &mut self,
        fed: &Fed,
        groups: usize,
        descent: Descent,
        velocity: &BTreeMap<String, Vec<f32>>,
    ) -> Result<Option<Done>, NetError>;

    /// Waits for the earliest step whose report has not been returned; None if there is none.
    fn finish(&mut self) -> Result<Option<Done>, NetError>;

    /// As [`Network::infer_on`](crate::Network::infer_on).
    fn infer_on(
        &self,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError>;

    /// The moments of the groups of a batch in each batch normalisation, in training mode; none for other layers.
    fn batch_moments(
        &mut self,
        images: &Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError>;

    /// The first parameter whose gradient in the last step has an entry that is not finite.
    fn non_finite_gradient(&self) -> Option<String>;

    /// A step of [`Sgd`](crate::Sgd). Parameters that have no momentum on the device yet start with that in `velocity`, or at rest.
    fn descend(
        &mut self,
        descent: Descent,
        velocity: &BTreeMap<String, Vec<f32>>,
    ) -> Result<(), NetError>;

    /// The momenta, by the names of the parameters; empty before the first step.
    fn velocity(&self) -> Result<BTreeMap<String, Vec<f32>>, NetError>;

    /// Solves codes and adjoint with other settings from here on.
    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError>;

    /// Whether reports are to say where the time went.
    fn set_timed(&mut self, timed: bool);

    /// As [`Network::take_kernel_times`](crate::Network::take_kernel_times).
    fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError>;
}

/// What a step of training has come to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done {
    pub(crate) report: StepReport,
    /// What is not finite.
    pub(crate) non_finite: Option<String>,
}

impl Done {
    /// What is not finite, if that is known, or a layer could not code it, or the loss.
    pub(crate) fn broken(&self) -> Option<String> {
        let signals = || uncoded(&self.report.activity).map(broken_signals);
        let loss = || (!self.report.loss.is_finite()).then(|| "the loss".to_string());
        self.non_finite.clone().or_else(signals).or_else(loss)
    }
}

/// The words for a sparse coding layer that was given a signal that is not finite.
fn broken_signals(layer: usize) -> String {
    format!("a signal of layer{layer}")
}

/// The words for a parameter whose gradient is not finite.
pub(crate) fn broken_gradient(name: &str) -> String {
    format!("the gradient of {name}")
}

/// The numbers of a step of gradient descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Descent {
    pub(crate) rate: f32,
    pub(crate) momentum: f32,
    pub(crate) weight_decay: f32,
}
