//! Several GPUs, of one process or of several, each with a copy of the network and a share of every
//! batch.
//!
//! Shares are runs of images of nearly equal length, or of nearly equal numbers of whole groups
//! (`batch_norm.group`). Every device computes the contribution of its images to the gradient of
//! the mean loss of the whole batch. All devices then receive the contributions of all and add them
//! up in the order of the devices, so their copies stay bit-identical, whichever device was first.
//! Batch normalisation uses the moments of each group of a device's own share, or of the whole
//! share if there are fewer groups than devices, as is usual. The running moments follow the mean
//! over all groups, weighted by their numbers of images.
//!
//! NCCL exchanges gradients and moments. The processes exchange everything else themselves, because
//! they notice when one of them fails, which NCCL does not. All processes therefore confirm that
//! they have begun a step before any of them exchanges gradients.

use std::ops::Range;
use std::sync::Arc;

use scn_data::{Loader, MemoryError};
use scn_gpu::update::add_in_order;
use scn_gpu::{Buffer, Communicator, Context, View};
use scn_solvers::processes::Processes;

use super::device_report::DeviceReport;
use super::executor::CudaExecutor;
use super::layers::custom_layer;
use super::merge::{inferred_together, longest, together};
use super::plan::StepPlan;
use super::share::Share;
use super::team::Team;
use crate::config::{NetworkConfig, SolverConfig};
use crate::error::NetError;
use crate::executor::{Done, EachBatch, Executor, Inferred, PassSettings};
use crate::feed::{InputKind, StepInput};
use crate::moments::GroupMoments;
use crate::optimizer::{Descent, OptimizerState};
use crate::param::Param;
use crate::parts::part;
use crate::report::{KernelTime, StepReport};
use crate::step::Step;
use crate::steps::Steps;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// Several GPUs, with a copy of a network on each.
#[derive(Debug)]
pub(crate) struct DataParallel {
    team: Team,
    /// The devices of this process.
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    executor: CudaExecutor,
    communicator: Communicator,
}

impl DataParallel {
    pub(crate) fn new(
        contexts: &[Context],
        processes: Arc<dyn Processes>,
        config: &NetworkConfig,
        steps: &Steps,
    ) -> Result<Self, NetError> {
        let executors = contexts.iter();
        let executors = executors.map(|context| CudaExecutor::new(context, config, steps));
        let executors: Vec<_> = executors.collect::<Result<_, _>>()?;
        let (team, communicators) = Team::connect(contexts, processes)?;
        let members = executors.into_iter().zip(communicators);
        let member = |(executor, communicator)| Member {
            executor,
            communicator,
        };
        Ok(Self {
            team,
            members: members.map(member).collect(),
        })
    }

    /// Returns the first device. All devices hold the same values.
    fn first(&self) -> &CudaExecutor {
        &self.members[0].executor
    }

    /// Returns the images and the share of each device of this process.
    fn own_shares(&self, images: usize, groups: usize) -> Vec<(Range<usize>, Share)> {
        let all = Share::of_devices(images, groups, self.team.devices());
        self.team.own(all).collect()
    }

    /// Runs inference on the shares of the devices of this process.
    fn infer_parts(
        &self,
        images: &Tensor,
        shares: impl IntoIterator<Item = Range<usize>>,
        count: usize,
    ) -> Result<Vec<Inferred>, NetError> {
        let work = |member: &Member, share| member.executor.infer_part(&part(images, share), count);
        each(self.members.iter(), shares, work)
    }

    /// Returns the result of a step, given the reports of the devices of this process. Returns once
    /// all processes have called it.
    fn done(&self, own: &[DeviceReport]) -> Result<Option<Done>, NetError> {
        let all = self.team.reports(own)?;
        Ok(match all.as_slice() {
            [] => None,
            _ => Some(self.first().network.done(together(all))),
        })
    }

    /// Calls `work` for every device, one after the other.
    fn try_each(
        &mut self,
        work: impl FnMut(&mut CudaExecutor) -> Result<(), NetError>,
    ) -> Result<(), NetError> {
        let executors = self.members.iter_mut().map(|member| &mut member.executor);
        executors.into_iter().try_for_each(work)
    }
}

/// Calls `work` for every member, each in its own thread.
fn each<'a, M: Send + 'a, I: Send, R: Send>(
    members: impl Iterator<Item = M>,
    inputs: impl IntoIterator<Item = I>,
    work: impl Fn(M, I) -> Result<R, NetError> + Sync,
) -> Result<Vec<R>, NetError> {
    std::thread::scope(|scope| {
        let work = &work;
        let pairs = members.zip(inputs);
        let threads: Vec<_> = pairs
            .map(|(member, input)| scope.spawn(move || work(member, input)))
            .collect();
        let done = threads.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        // Wait for all threads, even if the first has failed.
        done.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Returns the reports of all devices of a process on a step: all of them, or none if there is no
/// step.
fn reported(reports: Vec<Option<DeviceReport>>) -> Vec<DeviceReport> {
    reports.into_iter().flatten().collect()
}

/// Returns the images of each of `devices` devices.
fn ranges(images: usize, devices: usize) -> Vec<Range<usize>> {
    let shares = Share::of_devices(images, 1, devices);
    shares.into_iter().map(|(range, _)| range).collect()
}

/// Returns the range from the first image of the first share to the last image of the last one.
/// Shares are consecutive.
fn span(shares: &[Range<usize>]) -> Range<usize> {
    match shares {
        [] => 0..0,
        [first, ..] => first.start..shares[shares.len() - 1].end,
    }
}

impl Executor for DataParallel {
    fn load(&mut self, steps: &mut Steps) -> Result<(), NetError> {
        self.try_each(|executor| executor.load(steps))
    }

    fn fetch(&self, params: &mut [&mut Param]) -> Result<(), NetError> {
        self.first().fetch(params)
    }

    fn insert(&mut self, _index: usize, step: &Step) -> Result<(), NetError> {
        Err(custom_layer(&step.name))
    }

    /// Uses only the devices of this process.
    fn infer(&self, _steps: &Steps, images: Tensor, count: usize) -> Result<Inferred, NetError> {
        let shares = ranges(images.shape().images, self.members.len());
        inferred_together(self.infer_parts(&images, shares, count)?)
    }

    fn infer_on(
        &self,
        steps: &Steps,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        let count = steps.list().len();
        let all = |batch| ranges(loader.images_of(batch), self.team.devices());
        let own = |batch| self.team.own(all(batch)).collect::<Vec<_>>();
        let parts = (0..batches.min(loader.batches())).map(|batch| (batch, span(&own(batch))));
        let parts = loader.parts(0, parts);
        let mut before = 0;
        for (batch, (images, plan)) in parts.zip(loader.plans(0, 0)).enumerate() {
            let first = span(&own(batch)).start;
            let here = |share: Range<usize>| share.start - first..share.end - first;
            let inferred = Tensor::from_batch(&images).and_then(|images| {
                self.infer_parts(&images, own(batch).into_iter().map(here), count)
            });
            let inferred = inferred.map_err(|error| error.counted_from(before + first))?;
            let Inferred {
                output, activity, ..
            } = inferred_together(self.team.inferred(&inferred, &all(batch))?)?;
            before += plan.labels.len();
            each(output, &plan.labels, activity)?;
        }
        Ok(())
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
        let begin = |member: &mut Member, (range, share): (Range<usize>, Share)| {
            let images = part(&images, range.clone());
            let mixture = targets.mixture;
            let mixture = mixture.map(|mixture| mixture.part(range.clone()));
            let targets = Targets {
                labels: &targets.labels[range],
                mixture: mixture.as_ref(),
                smoothing: settings.smoothing,
            };
            let (plan, asked, laps) = member.executor.begin_step(&images, targets, share)?;
            Ok((member.room(&plan)?, plan, asked, laps))
        };
        let parts = self.own_shares(count, settings.groups);
        // If anything fails, it fails before a device waits for another.
        let begun = each(self.members.iter_mut(), parts, begin)?;
        self.team.all(true)?;
        let finish = |member: &mut Member, (room, plan, asked, laps)| {
            member.exchange(room, &plan)?;
            member.executor.finish_step(plan, &asked, &laps)
        };
        let reports = each(self.members.iter_mut(), begun, finish)?;
        Ok(together(self.team.reports(&reports)?).report)
    }

    fn batch_moments(
        &mut self,
        _steps: &mut Steps,
        images: Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError> {
        self.members[0].executor.moments_of(&images, groups)
    }

    fn hold(&mut self, loader: &Loader) -> Result<InputKind, NetError> {
        let hold = |member: &mut Member, ()| member.executor.hold(loader);
        let held = each(self.members.iter_mut(), std::iter::repeat(()), hold)?;
        let plans = held.into_iter().all(|kind| kind == InputKind::Plans);
        let plans = self.team.all(plans)?;
        Ok(if plans {
            InputKind::Plans
        } else {
            InputKind::Batches
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
        steps.trained_elsewhere();
        let state = &*state;
        let begin = |member: &mut Member, (range, share): (Range<usize>, Share)| {
            let CudaExecutor {
                network, pipeline, ..
            } = &mut member.executor;
            network.set_descent(descent, state)?;
            let mut plan = pipeline
                .plans
                .take(network, share, input.mixed_in().is_some())?;
            let smoothing = settings.smoothing;
            pipeline.feed(network, &input.part(range), smoothing, &mut plan)?;
            let asked = pipeline.ask_gradients_of_input(network, &mut plan)?;
            Ok((member.room(&plan)?, plan, asked))
        };
        let parts = self.own_shares(input.images(), settings.groups);
        let begun = each(self.members.iter_mut(), parts, begin)?;
        // The previous step completes while the devices compute this one. Exchanging its reports
        // also confirms that all processes have begun this step.
        let members = self.members.iter_mut();
        let reports = members.map(|member| member.executor.earliest_report());
        let reports: Vec<_> = reports.collect::<Result<_, _>>()?;
        let done = self.done(&reported(reports))?;
        let finish = |member: &mut Member, (room, plan, asked)| {
            member.exchange(room, &plan)?;
            let CudaExecutor {
                network, pipeline, ..
            } = &mut member.executor;
            network.ask_descent()?;
            pipeline.close_step(network, plan, asked)
        };
        each(self.members.iter_mut(), begun, finish)?;
        Ok(done)
    }

    fn finish(&mut self) -> Result<Option<Done>, NetError> {
        let members = self.members.iter_mut();
        let reports = members.map(|member| member.executor.last_report());
        let reports: Vec<_> = reports.collect::<Result<_, _>>()?;
        self.done(&reported(reports))
    }

    fn descend(
        &mut self,
        steps: &mut Steps,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<(), NetError> {
        steps.trained_elsewhere();
        self.try_each(|executor| executor.descend_part(descent, state))
    }

    fn fetch_state(&self, state: &mut OptimizerState) -> Result<(), NetError> {
        self.first().fetch_state(state)
    }

    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError> {
        self.try_each(|executor| executor.set_solver(solver))
    }

    fn set_timed(&mut self, timed: bool) {
        for member in &mut self.members {
            member.executor.set_timed(timed);
        }
    }

    fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError> {
        let members = self.members.iter_mut();
        let times = members.map(|member| member.executor.take_kernel_times());
        Ok(longest(times.collect::<Result<_, _>>()?))
    }

    /// Always succeeds: activations are in the memory of the devices.
    fn check_memory(&self, _bytes: u64) -> Result<(), MemoryError> {
        Ok(())
    }
}

/// The memory in which a device receives the gradients and the moments of all devices, one after
/// another.
struct Room {
    gradients: Buffer<f32>,
    moments: Buffer<f32>,
}

impl Member {
    /// Allocates the memory for an exchange.
    fn room(&self, plan: &StepPlan) -> Result<Room, NetError> {
        let network = &self.executor.network;
        let ranks = self.communicator.ranks();
        let for_all = |part: View<'_, f32>| network.context.unspecified(part.len() * ranks);
        Ok(Room {
            gradients: for_all(network.weights.parameters.gradients.all())?,
            moments: for_all(plan.moments.rows.view())?,
        })
    }

    /// Replaces the gradients by their sum over all devices, and updates the running moments.
    fn exchange(&mut self, mut room: Room, plan: &StepPlan) -> Result<(), NetError> {
        let network = &mut self.executor.network;
        let communicator = &mut self.communicator;
        let gradients = &mut network.weights.parameters.gradients;
        communicator.gather(gradients.all(), &mut room.gradients)?;
        add_in_order(room.gradients.view(), gradients.all_mut())?;
        communicator.gather(plan.moments.rows.view(), &mut room.moments)?;
        network.ask_moments(&room.moments, plan)
    }
}
