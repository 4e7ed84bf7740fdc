//! Several graphics processors, each with a copy of the network and a share of every batch.
//!
//! Shares are runs of images, as equal as can be, or as whole groups are (`batch_norm.group`).
//! Every device computes the part that its images have in the gradient of the mean loss of the
//! whole batch; then all get the parts of all and add them up in the order of the devices, so that
//! their copies stay the same to the bit, whichever was first. Batch normalisation takes the
//! moments of each group of a device's own share, or of the share where there are fewer groups than
//! devices, as is usual; the running moments follow the mean over all groups, each weighted with
//! its images.

use std::ops::Range;

use scn_data::{Loader, MemoryError};
use scn_gpu::update::add_in_order;
use scn_gpu::{Buffer, Communicator, Context, View};

use super::graphics_processor::GraphicsProcessor;
use super::layers::custom_layer;
use super::merge::{all_or_none, inferred_together, longest, together};
use super::plan::StepPlan;
use super::share::Share;
use crate::config::{NetworkConfig, SolverConfig};
use crate::error::NetError;
use crate::executor::{Done, EachBatch, Executor, Inferred, PassSettings};
use crate::feed::{Fed, Food};
use crate::moments::GroupMoments;
use crate::optimizer::{Descent, OptimizerState};
use crate::param::Param;
use crate::parts::part;
use crate::report::{KernelTime, StepReport};
use crate::step::Step;
use crate::steps::Steps;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// Several graphics processors with a copy of a network on each.
#[derive(Debug)]
pub(crate) struct DataParallel {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    processor: GraphicsProcessor,
    communicator: Communicator,
}

impl DataParallel {
    pub(crate) fn new(
        contexts: &[Context],
        config: &NetworkConfig,
        steps: &Steps,
    ) -> Result<Self, NetError> {
        let communicators = Communicator::all(contexts)?;
        let members = contexts.iter().zip(communicators);
        let members = members.map(|(context, communicator)| {
            Ok(Member {
                processor: GraphicsProcessor::new(context, config, steps)?,
                communicator,
            })
        });
        Ok(Self {
            members: members.collect::<Result<_, NetError>>()?,
        })
    }

    /// The first device, which has the same numbers as all.
    fn first(&self) -> &GraphicsProcessor {
        &self.members[0].processor
    }

    /// The images of each device.
    fn shares(&self, images: usize) -> Vec<Range<usize>> {
        let shares = Share::of_devices(images, 1, self.members.len());
        shares.into_iter().map(|(range, _)| range).collect()
    }

    /// Something for every device, one after the other.
    fn try_each(
        &mut self,
        work: impl FnMut(&mut GraphicsProcessor) -> Result<(), NetError>,
    ) -> Result<(), NetError> {
        let processors = self.members.iter_mut().map(|member| &mut member.processor);
        processors.into_iter().try_for_each(work)
    }
}

/// Something for every member, each in a thread of its own.
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
        // All are waited for, whatever the first has to say.
        done.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Infers batches of epoch 0 of a loader one by one. Errors name the image by its number in the
/// loader.
fn infer_each(
    loader: &Loader,
    batches: usize,
    each: &mut EachBatch<'_>,
    infer: impl Fn(Tensor) -> Result<Inferred, NetError>,
) -> Result<(), NetError> {
    let mut before = 0;
    for batch in loader.epoch(0, 0).take(batches) {
        let done = infer(Tensor::from_batch(&batch)?);
        let Inferred {
            output, activity, ..
        } = done.map_err(|error| error.counted_from(before))?;
        before += batch.labels.len();
        each(output, &batch.labels, activity)?;
    }
    Ok(())
}

impl Executor for DataParallel {
    fn load(&mut self, steps: &mut Steps) -> Result<(), NetError> {
        self.try_each(|processor| processor.load(steps))
    }

    fn fetch(&self, params: &mut [&mut Param]) -> Result<(), NetError> {
        self.first().fetch(params)
    }

    fn insert(&mut self, _index: usize, step: &Step) -> Result<(), NetError> {
        Err(custom_layer(&step.name))
    }

    fn infer(&self, _steps: &Steps, images: Tensor, count: usize) -> Result<Inferred, NetError> {
        let shares = self.shares(images.shape().images);
        let work =
            |member: &Member, share| member.processor.infer_part(&part(&images, share), count);
        inferred_together(each(self.members.iter(), shares, work)?)
    }

    fn infer_on(
        &self,
        steps: &Steps,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        let count = steps.list().len();
        infer_each(loader, batches, each, |images| {
            self.infer(steps, images, count)
        })
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
            member.processor.begin_step(&images, targets, share)
        };
        let parts = Share::of_devices(count, settings.groups, self.members.len());
        // Whatever fails, fails before a device waits for another.
        let begun = each(self.members.iter_mut(), parts, begin)?;
        let finish = |member: &mut Member, (plan, asked, laps)| {
            member.exchange(&plan)?;
            member.processor.finish_step(plan, &asked, &laps)
        };
        let reports = each(self.members.iter_mut(), begun, finish)?;
        Ok(together(reports))
    }

    fn batch_moments(
        &mut self,
        _steps: &mut Steps,
        images: Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError> {
        self.members[0].processor.moments_of(&images, groups)
    }

    fn hold(&mut self, loader: &Loader) -> Result<Food, NetError> {
        let hold = |member: &mut Member, ()| member.processor.hold(loader);
        let held = each(self.members.iter_mut(), std::iter::repeat(()), hold)?;
        let plans = held.into_iter().all(|food| food == Food::Plans);
        Ok(if plans { Food::Plans } else { Food::Batches })
    }

    fn train(
        &mut self,
        steps: &mut Steps,
        fed: &Fed,
        settings: PassSettings,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<Option<Done>, NetError> {
        steps.trained_elsewhere();
        let state = &*state;
        let begin = |member: &mut Member, (range, share): (Range<usize>, Share)| {
            let GraphicsProcessor {
                network, pipeline, ..
            } = &mut member.processor;
            network.set_descent(descent, state)?;
            let mut plan = pipeline.plans.take(network, share, fed.share().is_some())?;
            let smoothing = settings.smoothing;
            pipeline.feed(network, &fed.part(range), smoothing, &mut plan)?;
            let asked = pipeline.ask_fed_gradients(network, &mut plan)?;
            Ok((plan, asked))
        };
        let parts = Share::of_devices(fed.images(), settings.groups, self.members.len());
        let begun = each(self.members.iter_mut(), parts, begin)?;
        let finish = |member: &mut Member, (plan, asked)| {
            member.exchange(&plan)?;
            let GraphicsProcessor {
                network, pipeline, ..
            } = &mut member.processor;
            network.ask_descent()?;
            pipeline.close_step(network, plan, asked)?;
            pipeline.next_report(network, false)
        };
        let done = each(self.members.iter_mut(), begun, finish)?;
        Ok(all_or_none(done))
    }

    fn finish(&mut self) -> Result<Option<Done>, NetError> {
        let members = self.members.iter_mut();
        let done = members.map(|member| member.processor.last_reports());
        Ok(all_or_none(done.collect::<Result<_, NetError>>()?))
    }

    fn descend(
        &mut self,
        steps: &mut Steps,
        descent: Descent,
        state: &mut OptimizerState,
    ) -> Result<(), NetError> {
        steps.trained_elsewhere();
        self.try_each(|processor| processor.descend_part(descent, state))
    }

    fn fetch_state(&self, state: &mut OptimizerState) -> Result<(), NetError> {
        self.first().fetch_state(state)
    }

    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError> {
        self.try_each(|processor| processor.set_solver(solver))
    }

    fn set_timed(&mut self, timed: bool) {
        for member in &mut self.members {
            member.processor.set_timed(timed);
        }
    }

    fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError> {
        let members = self.members.iter_mut();
        let times = members.map(|member| member.processor.take_kernel_times());
        Ok(longest(times.collect::<Result<_, _>>()?))
    }

    /// Activations are in the memory of the devices.
    fn check_memory(&self, _bytes: u64) -> Result<(), MemoryError> {
        Ok(())
    }
}

impl Member {
    /// Replaces the gradients by their sum over all devices, and moves the running moments.
    fn exchange(&mut self, plan: &StepPlan) -> Result<(), NetError> {
        let network = &mut self.processor.network;
        let communicator = &mut self.communicator;
        let gradients = &mut network.weights.parameters.gradients;
        let mut parts = gathered(communicator, gradients.all())?;
        add_in_order(parts.view(), gradients.all_mut())?;
        parts = gathered(communicator, plan.moments.rows.view())?;
        network.ask_moments(&parts, plan)
    }
}

/// The parts of all devices, one after another.
fn gathered(communicator: &mut Communicator, part: View<'_, f32>) -> Result<Buffer<f32>, NetError> {
    let context = part.context().clone();
    let mut parts = context.unspecified(part.len() * communicator.ranks())?;
    communicator.gather(part, &mut parts)?;
    Ok(parts)
}
