//! A GPU as the executor of a network.

use std::sync::{Mutex, PoisonError};

use scn_data::{Loader, MemoryError};
use scn_gpu::{Context, Labels, Targets as DeviceTargets};

use super::asked::Asked;
use super::device_report::DeviceReport;
use super::evaluation::Evaluation;
use super::laps::Laps;
use super::layers::custom_layer;
use super::map::Map;
use super::network::CudaNetwork;
use super::pipeline::Pipeline;
use super::plan::StepPlan;
use super::share::Share;
use crate::config::{NetworkConfig, SolverConfig};
use crate::error::NetError;
use crate::executor::{Done, EachBatch, Executor, Inferred, PassSettings};
use crate::feed::{InputKind, StepInput};
use crate::moments::GroupMoments;
use crate::optimizer::{Descent, OptimizerState};
use crate::param::Param;
use crate::report::{KernelTime, StepReport};
use crate::step::Step;
use crate::steps::Steps;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// A GPU with its copy of a network.
#[derive(Debug)]
pub(crate) struct CudaExecutor {
    pub(super) network: CudaNetwork,
    pub(super) pipeline: Pipeline,
    /// Behind a lock, because inference does not change the network.
    evaluation: Mutex<Evaluation>,
}

impl CudaExecutor {
    pub(crate) fn new(
        context: &Context,
        config: &NetworkConfig,
        steps: &Steps,
    ) -> Result<Self, NetError> {
        Ok(Self {
            network: CudaNetwork::new(context, config, steps)?,
            pipeline: Pipeline::default(),
            evaluation: Mutex::default(),
        })
    }

    /// Submits the forward and the backward pass for a share of a batch. The plan receives the
    /// moments of its images.
    pub(super) fn begin_step(
        &mut self,
        images: &Tensor,
        targets: Targets<'_>,
        share: Share,
    ) -> Result<(StepPlan, Asked, Laps), NetError> {
        let network = &mut self.network;
        let mut plan = self.pipeline.plans.take(network, share, false)?;
        let mut laps = network.laps();
        let upload = |labels| Labels::upload(&network.context, labels, network.classes());
        let labels = upload(targets.labels)?;
        let mixture = targets.mixture;
        let partners = mixture.map(|mixture| upload(&mixture.labels)).transpose()?;
        let images = Map::upload(&network.context, images)?;
        let mixed_in = mixture.map(|mixture| mixture.share);
        let settings = self.pipeline.soften(network, mixed_in, targets.smoothing)?;
        let mut targets = DeviceTargets::new(labels.view(), settings);
        if let Some(partners) = &partners {
            targets = targets.mixed_with(partners.view());
        }
        let asked = network.ask_gradients(images, targets, &mut plan, &mut laps)?;
        Ok((plan, asked, laps))
    }

    /// Waits for a step, and returns its report.
    pub(super) fn finish_step(
        &mut self,
        plan: StepPlan,
        asked: &Asked,
        laps: &Laps,
    ) -> Result<DeviceReport, NetError> {
        let values = plan.reports.download()?;
        let lambda1 = self.network.weights.problems.lambda1().download()?;
        self.pipeline.plans.keep(plan);
        let times = self.network.times(laps)?;
        Ok(self.network.report(asked, &values, &lambda1, times))
    }

    /// Runs inference through the first `count` layers, with the moments of the training data.
    pub(super) fn infer_part(&self, images: &Tensor, count: usize) -> Result<Inferred, NetError> {
        let network = &self.network;
        let (mut reports, mut laps) = (network.reports()?, network.laps());
        let images = Map::upload(&network.context, images)?;
        let (output, solves) = network.ask_inference(images, count, &mut reports, &mut laps)?;
        let values = reports.download()?;
        let lambda1 = network.weights.problems.lambda1().download()?;
        Ok(Inferred {
            activity: network.activity(&solves, &values, &lambda1),
            output: output.download()?,
            times: network.times(&laps)?,
        })
    }

    /// Waits for the earliest step in flight, and returns its report. Returns None if there is
    /// none.
    pub(super) fn earliest_report(&mut self) -> Result<Option<DeviceReport>, NetError> {
        self.pipeline.next_report(&self.network, true)
    }

    /// Same as [`earliest_report`](Self::earliest_report), but for when no more steps are
    /// submitted.
    pub(super) fn last_report(&mut self) -> Result<Option<DeviceReport>, NetError> {
        let report = self.earliest_report()?;
        if report.is_none() {
            self.network.update_problems()?;
        }
        Ok(report)
    }

    /// Takes a step of gradient descent.
    pub(super) fn descend_part(
        &mut self,
        descent: Descent,
        state: &OptimizerState,
    ) -> Result<(), NetError> {
        self.network.set_descent(descent, state)?;
        self.network.ask_descent()?;
        self.network.update_problems()
    }

    /// Returns the moments of the groups of a batch.
    pub(super) fn moments_of(
        &mut self,
        images: &Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError> {
        let network = &mut self.network;
        let count = images.shape().images;
        let share = Share::whole(count, groups);
        let mut plan = self.pipeline.plans.take(network, share, false)?;
        let images = Map::upload(&network.context, images)?;
        let groups: Vec<usize> = scn_data::groups(count, groups)
            .map(|group| group.len())
            .collect();
        let moments = network.batch_moments(images, &mut plan, &groups)?;
        self.pipeline.plans.keep(plan);
        Ok(moments)
    }
}

impl Executor for CudaExecutor {
    fn load(&mut self, steps: &mut Steps) -> Result<(), NetError> {
        self.network.load(steps)
    }

    fn fetch(&self, params: &mut [&mut Param]) -> Result<(), NetError> {
        self.network.fetch(params)
    }

    fn insert(&mut self, _index: usize, step: &Step) -> Result<(), NetError> {
        Err(custom_layer(&step.name))
    }

    fn infer(&self, _steps: &Steps, images: Tensor, count: usize) -> Result<Inferred, NetError> {
        self.infer_part(&images, count)
    }

    fn infer_on(
        &self,
        _steps: &Steps,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        let evaluation = self.evaluation.lock();
        let mut evaluation = evaluation.unwrap_or_else(PoisonError::into_inner);
        evaluation.run(&self.network, loader, batches, each)
    }

    fn loss_and_gradients(
        &mut self,
        steps: &mut Steps,
        images: Tensor,
        targets: Targets<'_>,
        settings: PassSettings,
    ) -> Result<StepReport, NetError> {
        let count = images.shape().images;
        targets.expect_images(count)?;
        steps.trained_elsewhere();
        let share = Share::whole(count, settings.groups);
        let targets = targets.smoothed(settings.smoothing);
        let (plan, asked, laps) = self.begin_step(&images, targets, share)?;
        self.network.ask_own_moments(&plan)?;
        Ok(self.finish_step(plan, &asked, &laps)?.report)
    }

    fn batch_moments(
        &mut self,
        _steps: &mut Steps,
        images: Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError> {
        self.moments_of(&images, groups)
    }

    fn hold(&mut self, loader: &Loader) -> Result<InputKind, NetError> {
        self.pipeline.hold(&self.network, loader)
    }

    fn train(
        &mut self,
        steps: &mut Steps,
        input: &StepInput,
        settings: PassSettings,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<Option<Done>, NetError> {
        steps.trained_elsewhere();
        let network = &mut self.network;
        network.set_descent(descent, state)?;
        self.pipeline.step(network, input, settings)?;
        let report = self.pipeline.next_report(network, false)?;
        Ok(report.map(|report| self.network.done(report)))
    }

    fn finish(&mut self) -> Result<Option<Done>, NetError> {
        let report = self.last_report()?;
        Ok(report.map(|report| self.network.done(report)))
    }

    fn descend(
        &mut self,
        steps: &mut Steps,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<(), NetError> {
        steps.trained_elsewhere();
        self.descend_part(descent, state)
    }

    fn fetch_state(&self, state: &mut OptimizerState) -> Result<(), NetError> {
        self.network.fetch_state(state)
    }

    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError> {
        if self.network.solver.set(solver)? {
            self.pipeline.plans.clear();
        }
        Ok(())
    }

    fn set_timed(&mut self, timed: bool) {
        self.network.set_timed(timed);
    }

    fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError> {
        let times = self.network.context.take_times()?.into_iter();
        let times = times.map(|taken| KernelTime {
            kernel: taken.name.to_string(),
            launches: taken.launches,
            time: taken.time,
        });
        Ok(times.collect())
    }

    /// Always succeeds: activations are in the memory of the device.
    fn check_memory(&self, _bytes: u64) -> Result<(), MemoryError> {
        Ok(())
    }
}
