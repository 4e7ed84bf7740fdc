//! The processor of this machine as the executor of a network, which trains the parameters in
//! place.

use scn_data::{Loader, MemoryError, check_memory};

use super::clock::Clock;
use super::custom;
use super::descent::descend;
use super::layers::{CpuLayer, Inference, Training};
use super::segments::segments;
use super::solvers::Solvers;
use crate::config::SolverConfig;
use crate::error::NetError;
use crate::executor::{Done, EachBatch, Executor, Inferred, PassSettings, gradient_of, infer_each};
use crate::feed::Fed;
use crate::finite::{broken_gradient, check_pixels};
use crate::moments::GroupMoments;
use crate::ops::loss::softmax_cross_entropy;
use crate::optimizer::{Descent, OptimizerState};
use crate::param::Param;
use crate::pass::{self, Forward};
use crate::report::{KernelTime, StepReport};
use crate::step::{Step, StepLayer};
use crate::steps::Steps;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// The processor, on the threads of whichever pool calls it.
#[derive(Debug)]
pub(crate) struct Processor {
    layers: Vec<CpuLayer>,
    solvers: Solvers,
}

impl Processor {
    /// # Errors
    /// A dictionary or penalty that poses no problem; a setting of the solver out of range.
    pub(crate) fn new(solver: &SolverConfig, steps: &Steps) -> Result<Self, NetError> {
        let layers = steps.list().iter().map(CpuLayer::new);
        Ok(Self {
            layers: layers.collect::<Result<_, _>>()?,
            solvers: Solvers::new(solver, false)?,
        })
    }

    /// The output of a step, by its index, in training mode. Moments are not recorded.
    ///
    /// # Errors
    /// Activations that are not finite; a custom layer that fails.
    pub(crate) fn forward(
        &self,
        steps: &mut Steps,
        index: usize,
        input: Tensor,
        groups: usize,
    ) -> Result<Tensor, NetError> {
        let (output, _) = self.training(steps, groups).forward(index, input)?;
        Ok(output)
    }

    fn training<'a>(&'a self, steps: &'a mut Steps, groups: usize) -> Training<'a> {
        let clock = Clock::new(self.solvers.timed, steps.names());
        let steps = steps.list_mut();
        Training {
            layers: &self.layers,
            moments: vec![Vec::new(); steps.len()],
            steps,
            solvers: &self.solvers,
            clock,
            groups,
        }
    }
}

impl Executor for Processor {
    fn load(&mut self, steps: &mut Steps) -> Result<(), NetError> {
        for (derived, step) in self.layers.iter_mut().zip(steps.list_mut()) {
            match (derived, &mut step.layer) {
                (CpuLayer::SparseCoding(coding), StepLayer::SparseCoding(layer)) => {
                    coding.refresh(layer)?;
                }
                (_, StepLayer::Custom(layer)) => custom::refresh(&step.name, layer.as_mut())?,
                _ => {}
            }
        }
        Ok(())
    }

    /// They are trained where they are.
    fn fetch(&self, _params: &mut [&mut Param]) -> Result<(), NetError> {
        Ok(())
    }

    fn insert(&mut self, index: usize, step: &Step) -> Result<(), NetError> {
        self.layers.insert(index, CpuLayer::new(step)?);
        Ok(())
    }

    fn infer(&self, steps: &Steps, images: Tensor, count: usize) -> Result<Inferred, NetError> {
        let mut inference = Inference {
            layers: &self.layers,
            steps: steps.list(),
            solvers: &self.solvers,
            clock: Clock::new(self.solvers.timed, steps.names()),
        };
        let (output, activity) = pass::infer(&mut inference, count, images)?;
        Ok(Inferred {
            output,
            activity,
            times: inference.clock.times(),
        })
    }

    fn infer_on(
        &self,
        steps: &Steps,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        infer_each(loader, batches, each, |images| {
            check_pixels(&images)?;
            self.infer(steps, images, steps.list().len())
        })
    }

    fn loss_and_gradients(
        &mut self,
        steps: &mut Steps,
        images: Tensor,
        targets: Targets<'_>,
        settings: PassSettings,
    ) -> Result<StepReport, NetError> {
        let segments = segments(steps.list(), settings.recompute, images.shape())?;
        let first = steps.list().iter().position(Step::learns).unwrap_or(0);
        let mut training = self.training(steps, settings.groups);
        let trained = pass::forward(&mut training, &segments, images)?;
        for (step, moments) in training.steps.iter_mut().zip(&training.moments) {
            if let StepLayer::BatchNorm(norm) = &mut step.layer {
                norm.record(moments);
            }
        }
        let loss = softmax_cross_entropy(&trained.logits, targets.smoothed(settings.smoothing))?;
        for param in training.steps.iter_mut().flat_map(Step::params_mut) {
            param.grad.fill(0.0);
        }
        let (activity, adjoint) = pass::backward(&mut training, trained, loss.gradient, first)?;
        Ok(StepReport {
            loss: loss.value,
            errors: loss.errors,
            activity,
            adjoint,
            times: training.clock.times(),
        })
    }

    fn batch_moments(
        &mut self,
        steps: &mut Steps,
        images: Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError> {
        let mut training = self.training(steps, groups);
        let layers = training.steps.len();
        pass::infer(&mut training, layers, images)?;
        Ok(training.moments)
    }

    /// Batches are made by the loader.
    fn hold(&mut self, _loader: &Loader) -> Result<bool, NetError> {
        Ok(false)
    }

    fn train(
        &mut self,
        steps: &mut Steps,
        fed: &Fed,
        settings: PassSettings,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<Option<Done>, NetError> {
        let Fed::Batch(batch) = fed else {
            unreachable!("plans are for devices that hold the images");
        };
        let images = Tensor::from_batch(batch)?;
        check_pixels(&images)?;
        let report = self.loss_and_gradients(steps, images, Targets::of_batch(batch), settings)?;
        let broken = broken_gradient(steps.list().iter().flat_map(Step::params));
        let non_finite = broken.as_deref().map(gradient_of);
        let mut done = Done { report, non_finite };
        if done.broken().is_none()
            && let Err(error) = self.descend(steps, descent, state)
        {
            // A network that cannot be refreshed after a step has lost its way.
            done.non_finite = Some(format!("a parameter ({error})"));
        }
        Ok(Some(done))
    }

    /// Every step is done when it is asked for.
    fn finish(&mut self) -> Result<Option<Done>, NetError> {
        Ok(None)
    }

    fn descend(
        &mut self,
        steps: &mut Steps,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<(), NetError> {
        descend(steps.list_mut(), descent, state);
        self.load(steps)
    }

    /// The optimiser has them.
    fn fetch_state(&self, _state: &mut OptimizerState) -> Result<(), NetError> {
        Ok(())
    }

    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError> {
        self.solvers = Solvers::new(solver, self.solvers.timed)?;
        Ok(())
    }

    fn set_timed(&mut self, timed: bool) {
        self.solvers.set_timed(timed);
    }

    fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError> {
        Ok(Vec::new())
    }

    fn check_memory(&self, bytes: u64) -> Result<(), MemoryError> {
        check_memory("the codes of a batch", bytes)
    }
}
