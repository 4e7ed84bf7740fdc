//! The operations that a device executes for a network.

use scn_data::{Loader, MemoryError};

use crate::config::{Recompute, SolverConfig};
use crate::error::NetError;
use crate::feed::{InputKind, StepInput};
use crate::finite::uncoded;
use crate::moments::GroupMoments;
use crate::optimizer::{Descent, OptimizerState};
use crate::param::Param;
use crate::report::{Activity, KernelTime, LayerTimes, StepReport};
use crate::step::Step;
use crate::steps::Steps;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// A callback for the logits (classes × images) of a batch, its labels, and the activity of each
/// sparse coding layer.
pub type EachBatch<'a> = dyn FnMut(Tensor, &[u16], Vec<Activity>) -> Result<(), NetError> + 'a;

/// A device that executes the steps of a network: the CPU, a GPU, or several GPUs.
///
/// It keeps data derived from the parameters, and may keep its own copy of parameters, gradients
/// and momenta. Methods that change this copy call [`Steps::trained_elsewhere`].
pub(crate) trait Executor: Send + Sync + std::fmt::Debug {
    /// Loads the values of all parameters from the steps and recomputes the data derived from them.
    fn load(&mut self, steps: &mut Steps) -> Result<(), NetError>;

    /// Fetches the values of all parameters and the gradients of the last step from the device.
    fn fetch(&self, params: &mut [&mut Param]) -> Result<(), NetError>;

    /// Makes room for a step before the one at `index`. Returns an error if the device cannot
    /// execute its layer.
    fn insert(&mut self, index: usize, step: &Step) -> Result<(), NetError>;

    /// Runs inference through the first `count` steps, with the moments of the training data.
    fn infer(&self, steps: &Steps, images: Tensor, count: usize) -> Result<Inferred, NetError>;

    /// Same as [`Network::infer_on`](crate::Network::infer_on).
    fn infer_on(
        &self,
        steps: &Steps,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError>;

    /// Same as [`Network::loss_and_gradients`](crate::Network::loss_and_gradients), with labels
    /// smoothed according to `settings`.
    fn loss_and_gradients(
        &mut self,
        steps: &mut Steps,
        images: Tensor,
        targets: Targets<'_>,
        settings: PassSettings,
    ) -> Result<StepReport, NetError>;

    /// Returns the moments of the groups of a batch in each step, in training mode. Only batch
    /// normalisations have any.
    fn batch_moments(
        &mut self,
        steps: &mut Steps,
        images: Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError>;

    /// Copies the images of a loader to the device, if it can make batches there. Returns the kind
    /// of input that [`train`](Self::train) expects.
    fn hold(&mut self, loader: &Loader) -> Result<InputKind, NetError>;

    /// Starts a training step: gradients and, if they are finite, a step of the optimiser as in
    /// [`descend`](Self::descend).
    ///
    /// May return before the step is done. Returns the result of the earliest step not yet
    /// returned, or None if no result is due. Call [`finish`](Self::finish) until it returns None
    /// before using the network for anything else.
    fn train(
        &mut self,
        steps: &mut Steps,
        input: &StepInput,
        settings: PassSettings,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<Option<Done>, NetError>;

    /// Waits for the earliest step whose result has not been returned. Returns None if there is
    /// none.
    fn finish(&mut self) -> Result<Option<Done>, NetError>;

    /// Takes a step of [`Sgd`](crate::Sgd) with the gradients of the last step. If the device keeps
    /// the optimiser's state, arrays that it does not have yet start from `state`.
    fn descend(
        &mut self,
        steps: &mut Steps,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<(), NetError>;

    /// Fetches the optimiser's state from the device.
    fn fetch_state(&self, state: &mut OptimizerState) -> Result<(), NetError>;

    /// Sets how codes and adjoints are solved from now on.
    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError>;

    /// Sets whether reports include times.
    fn set_timed(&mut self, timed: bool);

    /// Same as [`Network::take_kernel_times`](crate::Network::take_kernel_times).
    fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError>;

    /// Checks that there is room for `bytes` of activations, if they are kept in main memory.
    fn check_memory(&self, bytes: u64) -> Result<(), MemoryError>;
}

/// The result of inference.
#[derive(Debug)]
pub(crate) struct Inferred {
    /// The output of the last step.
    pub(crate) output: Tensor,
    /// The activity of each sparse coding layer.
    pub(crate) activity: Vec<Activity>,
    /// The times of each step.
    pub(crate) times: Vec<LayerTimes>,
}

/// Settings of the forward and backward pass of a batch in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PassSettings {
    /// Number of [groups](scn_data::groups) into which batch normalisation divides the images.
    pub(crate) groups: usize,
    /// Which activations are recomputed instead of kept. Has no effect on GPUs, which keep all of
    /// them.
    pub(crate) recompute: Recompute,
    /// The fraction of each label that is spread over all classes, at least 0 and below 1.
    pub(crate) smoothing: f32,
}

/// The result of a training step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done {
    pub(crate) report: StepReport,
    /// A description of what is not finite, if known.
    pub(crate) non_finite: Option<String>,
}

impl Done {
    /// Describes what is not finite: `non_finite` if known, else a signal that could not be
    /// encoded, or else the loss.
    pub(crate) fn broken(&self) -> Option<String> {
        let signals = || uncoded(&self.report.activity).map(|h| format!("a signal of layer{h}"));
        let loss = || (!self.report.loss.is_finite()).then(|| "the loss".to_string());
        self.non_finite.clone().or_else(signals).or_else(loss)
    }
}

/// Describes a gradient that is not finite.
pub(crate) fn gradient_of(name: &str) -> String {
    format!("the gradient of {name}")
}
