//! What a device does for a network.

use scn_data::{Loader, MemoryError};

use crate::config::{Recompute, SolverConfig};
use crate::error::NetError;
use crate::feed::{Fed, Food};
use crate::finite::uncoded;
use crate::moments::GroupMoments;
use crate::optimizer::{Descent, OptimizerState};
use crate::param::Param;
use crate::report::{Activity, KernelTime, LayerTimes, StepReport};
use crate::step::Step;
use crate::steps::Steps;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// Takes the logits (classes × images) of a batch, its labels, and what each sparse coding layer
/// did.
pub type EachBatch<'a> = dyn FnMut(Tensor, &[u16], Vec<Activity>) -> Result<(), NetError> + 'a;

/// A device that executes the steps of a network: the processor, a graphics processor, or several.
///
/// It keeps what it derives from the parameters, and may keep the parameters themselves, gradients
/// and momenta. Whatever changes those of its own calls [`Steps::trained_elsewhere`].
pub(crate) trait Executor: Send + Sync + std::fmt::Debug {
    /// Takes the values of all parameters from the steps, and derives anew what depends on them.
    fn load(&mut self, steps: &mut Steps) -> Result<(), NetError>;

    /// Brings the values of all parameters, and the gradients of the last step, from where they are
    /// trained.
    fn fetch(&self, params: &mut [&mut Param]) -> Result<(), NetError>;

    /// Makes room for a step that comes before that of this index; refuses it where its layer
    /// cannot be executed.
    fn insert(&mut self, index: usize, step: &Step) -> Result<(), NetError>;

    /// Through the first `count` steps, with the moments of the training data.
    fn infer(&self, steps: &Steps, images: Tensor, count: usize) -> Result<Inferred, NetError>;

    /// As [`Network::infer_on`](crate::Network::infer_on).
    fn infer_on(
        &self,
        steps: &Steps,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError>;

    /// As [`Network::loss_and_gradients`](crate::Network::loss_and_gradients). Labels are smoothed
    /// as the settings say.
    fn loss_and_gradients(
        &mut self,
        steps: &mut Steps,
        images: Tensor,
        targets: Targets<'_>,
        settings: PassSettings,
    ) -> Result<StepReport, NetError>;

    /// The moments of the groups of a batch in each batch normalisation, in training mode; none for
    /// other layers.
    fn batch_moments(
        &mut self,
        steps: &mut Steps,
        images: Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError>;

    /// Brings the images of a loader to the device, if it can make batches of them there. Says what steps are to be fed with.
    fn hold(&mut self, loader: &Loader) -> Result<Food, NetError>;

    /// Asks for a whole step: gradients, and a step of the optimiser as in
    /// [`descend`](Self::descend) unless they are not finite. Returns the result of the earliest
    /// step that has not been returned; nothing waits for this one. Before anything else is asked
    /// of the network, [`finish`](Self::finish) is called until nothing is left.
    fn train(
        &mut self,
        steps: &mut Steps,
        fed: &Fed,
        settings: PassSettings,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<Option<Done>, NetError>;

    /// Waits for the earliest step whose report has not been returned; None if there is none.
    fn finish(&mut self) -> Result<Option<Done>, NetError>;

    /// A step of [`Sgd`](crate::Sgd) with the gradients of the last step. Where the optimiser's
    /// state is kept on the device, what is not there yet starts as `state` has it.
    fn descend(
        &mut self,
        steps: &mut Steps,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<(), NetError>;

    /// Brings the optimiser's state from where it is kept.
    fn fetch_state(&self, state: &mut OptimizerState) -> Result<(), NetError>;

    /// Solves codes and adjoint with other settings from here on.
    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError>;

    /// Whether reports are to say where the time went.
    fn set_timed(&mut self, timed: bool);

    /// As [`Network::take_kernel_times`](crate::Network::take_kernel_times).
    fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError>;

    /// That there is room for so many bytes of activations, where they would be in this machine's
    /// memory.
    fn check_memory(&self, bytes: u64) -> Result<(), MemoryError>;
}

/// The result of inference.
#[derive(Debug)]
pub(crate) struct Inferred {
    /// What the last step gave.
    pub(crate) output: Tensor,
    /// Of each sparse coding layer.
    pub(crate) activity: Vec<Activity>,
    /// Of each step.
    pub(crate) times: Vec<LayerTimes>,
}

/// How a batch is taken through a network in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PassSettings {
    /// [Groups](scn_data::groups) into which batch normalisation divides the images.
    pub(crate) groups: usize,
    /// What is computed again instead of being remembered; of no effect on a graphics processor,
    /// which remembers all.
    pub(crate) recompute: Recompute,
    /// The share that all classes have in each label, at least 0 and below 1.
    pub(crate) smoothing: f32,
}

/// The result of a step of training.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done {
    pub(crate) report: StepReport,
    /// What is not finite.
    pub(crate) non_finite: Option<String>,
}

impl Done {
    /// What is not finite, if that is known, or a layer could not code it, or the loss.
    pub(crate) fn broken(&self) -> Option<String> {
        let signals = || uncoded(&self.report.activity).map(|h| format!("a signal of layer{h}"));
        let loss = || (!self.report.loss.is_finite()).then(|| "the loss".to_string());
        self.non_finite.clone().or_else(signals).or_else(loss)
    }
}

/// The words for a parameter whose gradient is not finite.
pub(crate) fn gradient_of(name: &str) -> String {
    format!("the gradient of {name}")
}
