//! The CPU as the executor of a network. It trains the parameters in place.

use std::ops::Range;
use std::sync::Arc;

use scn_data::{Loader, MemoryError, check_memory};
use scn_solvers::processes::{Alone, Processes};

use super::clock::Clock;
use super::counts::{StepCounts, activity};
use super::custom;
use super::descent::descend;
use super::evaluation::infer_shared;
use super::layers::{CpuLayer, Inference, Part, Training};
use super::segments::segments;
use super::solvers::Solvers;
use crate::config::SolverConfig;
use crate::error::NetError;
use crate::executor::{Done, EachBatch, Executor, Inferred, PassSettings, gradient_of};
use crate::feed::{InputKind, StepInput};
use crate::finite::{broken_gradient, check_pixels};
use crate::moments::GroupMoments;
use crate::ops::loss::softmax_cross_entropy;
use crate::optimizer::{Descent, OptimizerState};
use crate::param::Param;
use crate::parts::part;
use crate::pass::{self, Forward};
use crate::report::{AdjointActivity, KernelTime, LayerTimes, SolveCounts, StepReport};
use crate::shape::Shape;
use crate::step::{Step, StepLayer};
use crate::steps::Steps;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// The CPU, using the threads of the pool that calls it.
#[derive(Debug)]
pub(crate) struct CpuExecutor {
    layers: Vec<CpuLayer>,
    solvers: Solvers,
    /// The processes that share batches.
    processes: Arc<dyn Processes>,
}

impl CpuExecutor {
    /// Creates an executor that does not share batches.
    ///
    /// # Errors
    /// Returns an error if a dictionary or penalty does not define a valid problem, or if a solver
    /// setting is out of range.
    pub(crate) fn new(solver: &SolverConfig, steps: &Steps) -> Result<Self, NetError> {
        Self::shared(solver, steps, Arc::new(Alone))
    }

    /// Creates an executor that shares batches among processes.
    ///
    /// # Errors
    /// Same as [`new`](Self::new), and an error for a custom layer if there are several processes.
    pub(crate) fn shared(
        solver: &SolverConfig,
        steps: &Steps,
        processes: Arc<dyn Processes>,
    ) -> Result<Self, NetError> {
        let custom = steps.custom_layer().filter(|_| processes.count() > 1);
        if let Some(layer) = custom {
            return Err(shared_layer(layer));
        }
        let layers = steps.list().iter().map(CpuLayer::new);
        Ok(Self {
            layers: layers.collect::<Result<_, _>>()?,
            solvers: Solvers::new(solver, false)?,
            processes,
        })
    }

    /// Returns the output of the step at `index` in training mode, for a batch that is not shared.
    /// Moments are not recorded.
    ///
    /// # Errors
    /// Returns an error if activations are not finite or a custom layer fails.
    pub(crate) fn forward(
        &self,
        steps: &mut Steps,
        index: usize,
        input: Tensor,
        groups: usize,
    ) -> Result<Tensor, NetError> {
        let part = Part::new(input.shape().images, groups, &Alone);
        let (output, _) = self.training(steps, &part, &Alone).forward(index, input)?;
        Ok(output)
    }

    /// Runs inference through the first `count` steps, with the moments of the training data.
    fn counted(
        &self,
        steps: &Steps,
        images: Tensor,
        count: usize,
    ) -> Result<(Tensor, Vec<SolveCounts>, Vec<LayerTimes>), NetError> {
        let mut inference = Inference {
            layers: &self.layers,
            steps: steps.list(),
            solvers: &self.solvers,
            clock: Clock::new(self.solvers.timed, steps.names()),
        };
        let (output, counts) = pass::infer(&mut inference, count, images)?;
        Ok((output, counts, inference.clock.times()))
    }

    fn training<'a>(
        &'a self,
        steps: &'a mut Steps,
        part: &'a Part,
        processes: &'a dyn Processes,
    ) -> Training<'a> {
        let clock = Clock::new(self.solvers.timed, steps.names());
        let steps = steps.list_mut();
        Training {
            layers: &self.layers,
            moments: vec![Vec::new(); steps.len()],
            steps,
            solvers: &self.solvers,
            clock,
            part,
            processes,
            pending: Vec::new(),
        }
    }

    /// Computes the gradients of a batch, given the part that this process takes.
    fn part_gradients(
        &self,
        steps: &mut Steps,
        images: Tensor,
        targets: Targets<'_>,
        settings: PassSettings,
        part: &Part,
    ) -> Result<StepReport, NetError> {
        // Segments depend on the whole batch, so that all processes take the same sums in the same
        // order.
        let batch = Shape {
            images: part.share.batch,
            ..images.shape()
        };
        let segments = segments(steps.list(), settings.recompute, batch)?;
        let first = steps.list().iter().position(Step::learns).unwrap_or(0);
        let mut training = self.training(steps, part, &*self.processes);
        let trained = pass::forward(&mut training, &segments, images)?;
        for (step, moments) in training.steps.iter_mut().zip(&training.moments) {
            if let StepLayer::BatchNorm(norm) = &mut step.layer {
                norm.record(moments);
            }
        }
        let targets = targets.smoothed(settings.smoothing);
        let loss = softmax_cross_entropy(&trained.logits, targets, part.share.batch)?;
        for param in training.steps.iter_mut().flat_map(Step::params_mut) {
            param.grad.fill(0.0);
        }
        let gradient = loss.gradient.clone();
        let (codes, adjoint) = pass::backward(&mut training, trained, gradient, first)?;
        training.finish()?;
        let times = training.clock.times();
        let counts = StepCounts {
            errors: loss.errors,
            codes,
            adjoint,
        };
        let (counts, loss) = counts.of_all(part, &loss, &*self.processes)?;
        Ok(StepReport {
            loss,
            errors: counts.errors,
            activity: activity(steps.list(), counts.codes),
            adjoint: counts
                .adjoint
                .into_iter()
                .map(AdjointActivity::new)
                .collect(),
            times,
        })
    }
}

/// Returns some or all images of a batch.
fn own_part(batch: Tensor, images: Range<usize>) -> Tensor {
    if images == (0..batch.shape().images) {
        batch
    } else {
        part(&batch, images)
    }
}

/// Returns the error for a custom layer that would be shared.
fn shared_layer(name: &str) -> NetError {
    NetError::SharedLayer {
        layer: name.to_string(),
    }
}

impl Executor for CpuExecutor {
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

    /// Does nothing: the parameters are trained in place.
    fn fetch(&self, _params: &mut [&mut Param]) -> Result<(), NetError> {
        Ok(())
    }

    fn insert(&mut self, index: usize, step: &Step) -> Result<(), NetError> {
        if self.processes.count() > 1 {
            return Err(shared_layer(&step.name));
        }
        self.layers.insert(index, CpuLayer::new(step)?);
        Ok(())
    }

    fn infer(&self, steps: &Steps, images: Tensor, count: usize) -> Result<Inferred, NetError> {
        let (output, counts, times) = self.counted(steps, images, count)?;
        Ok(Inferred {
            output,
            activity: activity(steps.list(), counts),
            times,
        })
    }

    fn infer_on(
        &self,
        steps: &Steps,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        let list = steps.list();
        infer_shared(loader, batches, list, &*self.processes, each, |images| {
            check_pixels(&images)?;
            let (logits, counts, _) = self.counted(steps, images, list.len())?;
            Ok((logits, counts))
        })
    }

    fn loss_and_gradients(
        &mut self,
        steps: &mut Steps,
        images: Tensor,
        targets: Targets<'_>,
        settings: PassSettings,
    ) -> Result<StepReport, NetError> {
        let part = Part::new(images.shape().images, settings.groups, &*self.processes);
        let own = part.share.images.clone();
        let mixture = targets.mixture.map(|mixture| mixture.part(own.clone()));
        targets.expect_images(part.share.batch)?;
        let targets = Targets {
            labels: &targets.labels[own.clone()],
            mixture: mixture.as_ref(),
            ..targets
        };
        let images = own_part(images, own);
        self.part_gradients(steps, images, targets, settings, &part)
    }

    fn batch_moments(
        &mut self,
        steps: &mut Steps,
        images: Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError> {
        let part = Part::new(images.shape().images, groups, &*self.processes);
        let images = own_part(images, part.share.images.clone());
        let mut training = self.training(steps, &part, &*self.processes);
        let layers = training.steps.len();
        pass::infer(&mut training, layers, images)?;
        Ok(training.moments)
    }

    /// Holds nothing: the loader makes the batches, or parts of them.
    fn hold(&mut self, _loader: &Loader) -> Result<InputKind, NetError> {
        let (rank, count) = (self.processes.rank(), self.processes.count());
        Ok(match count {
            1 => InputKind::Batches,
            _ => InputKind::Parts { rank, count },
        })
    }

    fn train(
        &mut self,
        steps: &mut Steps,
        input: &StepInput,
        settings: PassSettings,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<Option<Done>, NetError> {
        let (StepInput::Batch(batch) | StepInput::Part(batch, _)) = input else {
            unreachable!("plans are for devices that hold the images");
        };
        let part = Part::new(input.images(), settings.groups, &*self.processes);
        let images = Tensor::from_batch(batch)?;
        check_pixels(&images)?;
        let targets = Targets::of_batch(batch);
        let report = self.part_gradients(steps, images, targets, settings, &part)?;
        let broken = broken_gradient(steps.list().iter().flat_map(Step::params));
        let non_finite = broken.as_deref().map(gradient_of);
        let mut done = Done { report, non_finite };
        if done.broken().is_none()
            && let Err(error) = self.descend(steps, descent, state)
        {
            // If a network cannot be refreshed after a step, it has diverged.
            done.non_finite = Some(format!("a parameter ({error})"));
        }
        Ok(Some(done))
    }

    /// Returns None: every step is complete when [`train`](Self::train) returns.
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

    /// Does nothing: the optimiser's state is updated in place.
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
