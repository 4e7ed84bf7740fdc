//! Several graphics processors, each with a copy of the network and a share of every batch.
//!
//! Shares are runs of images, as equal as can be, or as whole groups are (`batch_norm.group`). Every device computes the part that its images have in the gradient of the mean loss of
//! the whole batch; then all get the parts of all and add them up in the order of the devices, so that their copies stay the same to the
//! bit, whichever was first. Batch normalisation takes the moments of each group of a device's own share, or of the share where there are fewer
//! groups than devices, as is usual; the running moments follow the mean over all groups, each weighted with its images.

use std::collections::BTreeMap;
use std::ops::Range;

use scn_data::{Batch, BatchPlan, Loader};
use scn_gpu::update::add_in_order;
use scn_gpu::{Buffer, Communicator, Context, View};

use super::CudaReplica;
use super::step::{Share, StepPlan};
use crate::NetError;
use crate::config::{NetworkConfig, SolverConfig};
use crate::feed::Fed;
use crate::layer::{Activity, AdjointActivity};
use crate::network::{EachBatch, KernelTime, LayerTimes, Named, StepReport, infer_each};
use crate::ops::batch_norm::GroupMoments;
use crate::ops::loss::expect_labels;
use crate::replica::{Descent, Done, Replica};
use crate::tensor::{Shape, Tensor};

/// A network's copies on several graphics processors.
#[derive(Debug)]
pub(crate) struct DataParallel {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    replica: CudaReplica,
    communicator: Communicator,
}

impl DataParallel {
    pub(crate) fn new(
        contexts: &[Context],
        config: &NetworkConfig,
        layers: &[Named],
    ) -> Result<Self, NetError> {
        let communicators = Communicator::all(contexts)?;
        let members = contexts.iter().zip(communicators);
        let members = members.map(|(context, communicator)| {
            Ok(Member {
                replica: CudaReplica::new(context, config, layers)?,
                communicator,
            })
        });
        Ok(Self {
            members: members.collect::<Result<_, NetError>>()?,
        })
    }

    fn first(&self) -> &CudaReplica {
        &self.members[0].replica
    }

    /// The images of each device.
    fn shares(&self, images: usize) -> Vec<Range<usize>> {
        let shares = Share::of_devices(images, 1, self.members.len());
        shares.into_iter().map(|(range, _)| range).collect()
    }
}

/// What all devices report of a step, as one.
fn together(reports: impl IntoIterator<Item = StepReport>) -> StepReport {
    let mut total = StepReport {
        loss: 0.0,
        errors: 0,
        activity: Vec::new(),
        adjoint: Vec::new(),
        times: Vec::new(),
    };
    let (mut activity, mut adjoint, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for report in reports {
        total.loss += report.loss;
        total.errors += report.errors;
        let weights: Vec<usize> = report.activity.iter().map(|done| done.columns).collect();
        adjoint.push(report.adjoint.into_iter().zip(weights).collect());
        activity.push(report.activity);
        times.push(report.times);
    }
    total.activity = merged(activity, add_activity);
    let adjoint: Vec<(AdjointActivity, usize)> = merged(adjoint, add_adjoint);
    total.adjoint = adjoint.into_iter().map(|(done, _)| done).collect();
    total.times = merged(times, longer);
    total
}

/// All devices have reported the same step, or none has. Their gradients are the same.
fn all_or_none(done: Vec<Option<Done>>) -> Option<Done> {
    let mut done: Vec<Done> = done.into_iter().collect::<Option<_>>()?;
    let non_finite = done.iter_mut().find_map(|done| done.non_finite.take());
    Some(Done {
        report: together(done.into_iter().map(|done| done.report)),
        non_finite,
    })
}

/// Some images of a batch, or of its plan.
fn fed_part(fed: &Fed, images: Range<usize>) -> Fed {
    match fed {
        Fed::Plan(plan) => Fed::Plan(BatchPlan {
            images: plan.images[images.clone()].to_vec(),
            placements: plan.placements[images.clone()].to_vec(),
            labels: plan.labels[images].to_vec(),
        }),
        Fed::Batch(batch) => {
            let [_, channels, height, width] = batch.shape;
            let volume = channels * height * width;
            Fed::Batch(Batch {
                pixels: batch.pixels[images.start * volume..images.end * volume].to_vec(),
                shape: [images.len(), channels, height, width],
                labels: batch.labels[images].to_vec(),
            })
        }
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

impl Replica for DataParallel {
    fn upload(&mut self, layers: &[Named]) -> Result<(), NetError> {
        let mut members = self.members.iter_mut();
        members.try_for_each(|member| member.replica.upload(layers))
    }

    fn download(&self, layers: &mut [Named]) -> Result<(), NetError> {
        self.first().download(layers)
    }

    fn infer(&self, images: &Tensor) -> Result<(Tensor, Vec<Activity>, Vec<LayerTimes>), NetError> {
        let shares = self.shares(images.shape().images);
        let work = |member: &Member, share| member.replica.infer(&part(images, share));
        let parts = each(self.members.iter(), shares, work)?;
        let mut logits = Vec::new();
        let mut activity = Vec::new();
        let mut times = Vec::new();
        for (part, done, took) in parts {
            logits.push(part);
            activity.push(done);
            times.push(took);
        }
        Ok((
            joined(&logits)?,
            merged(activity, add_activity),
            merged(times, longer),
        ))
    }

    fn loss_and_gradients(
        &mut self,
        images: &Tensor,
        labels: &[u16],
        groups: usize,
    ) -> Result<StepReport, NetError> {
        let count = images.shape().images;
        expect_labels(labels, count)?;
        let begin = |member: &mut Member, (range, share): (Range<usize>, Share)| {
            let images = part(images, range.clone());
            member.replica.begin_step(&images, &labels[range], share)
        };
        let parts = Share::of_devices(count, groups, self.members.len());
        // Whatever fails, fails before a device waits for another.
        let steps = each(self.members.iter_mut(), parts, begin)?;
        let finish = |member: &mut Member, (plan, asked, laps)| {
            member.exchange(&plan)?;
            member.replica.finish_step(plan, &asked, &laps)
        };
        let reports = each(self.members.iter_mut(), steps, finish)?;
        Ok(together(reports))
    }

    fn hold(&mut self, loader: &Loader) -> Result<bool, NetError> {
        let hold = |member: &mut Member, ()| member.replica.hold(loader);
        let held = each(self.members.iter_mut(), std::iter::repeat(()), hold)?;
        Ok(held.into_iter().all(|held| held))
    }

    fn train(
        &mut self,
        fed: &Fed,
        groups: usize,
        descent: Descent,
        velocity: &BTreeMap<String, Vec<f32>>,
    ) -> Result<Option<Done>, NetError> {
        let begin = |member: &mut Member, (range, share): (Range<usize>, Share)| {
            let replica = &mut member.replica;
            replica.set_descent(descent, velocity)?;
            let mut plan = replica.take_plan(share)?;
            replica.feed(&fed_part(fed, range), &mut plan)?;
            let asked = replica.ask_fed_gradients(&mut plan)?;
            Ok((plan, asked))
        };
        let parts = Share::of_devices(fed.labels().len(), groups, self.members.len());
        let steps = each(self.members.iter_mut(), parts, begin)?;
        let finish = |member: &mut Member, (plan, asked)| {
            member.exchange(&plan)?;
            member.replica.ask_descent()?;
            member.replica.close_step(plan, asked)?;
            member.replica.next_report(false)
        };
        let done = each(self.members.iter_mut(), steps, finish)?;
        Ok(all_or_none(done))
    }

    fn finish(&mut self) -> Result<Option<Done>, NetError> {
        let mut members = self.members.iter_mut();
        let done = members.by_ref().map(|member| member.replica.finish());
        Ok(all_or_none(done.collect::<Result<_, NetError>>()?))
    }

    fn infer_on(
        &self,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        infer_each(loader, batches, each, |images| {
            let (logits, activity, _) = self.infer(&images)?;
            Ok((logits, activity))
        })
    }

    fn batch_moments(
        &mut self,
        images: &Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError> {
        self.members[0].replica.batch_moments(images, groups)
    }

    /// All have the same gradients.
    fn non_finite_gradient(&self) -> Option<String> {
        self.first().non_finite_gradient()
    }

    fn descend(
        &mut self,
        descent: Descent,
        velocity: &BTreeMap<String, Vec<f32>>,
    ) -> Result<(), NetError> {
        let mut members = self.members.iter_mut();
        members.try_for_each(|member| member.replica.descend(descent, velocity))
    }

    fn velocity(&self) -> Result<BTreeMap<String, Vec<f32>>, NetError> {
        self.first().velocity()
    }

    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError> {
        let mut members = self.members.iter_mut();
        members.try_for_each(|member| member.replica.set_solver(solver))
    }

    fn set_timed(&mut self, timed: bool) {
        for member in &mut self.members {
            member.replica.set_timed(timed);
        }
    }

    fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError> {
        let members = self.members.iter_mut();
        let times = members.map(|member| member.replica.take_kernel_times());
        let mut times = times.collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut longest = times.next().unwrap_or_default();
        for taken in times.flatten() {
            match longest.iter_mut().find(|of| of.kernel == taken.kernel) {
                Some(of) => {
                    of.launches = of.launches.max(taken.launches);
                    of.time = of.time.max(taken.time);
                }
                None => longest.push(taken),
            }
        }
        Ok(longest)
    }
}

impl Member {
    /// Replaces the gradients by their sum over all devices, and moves the running moments.
    fn exchange(&mut self, plan: &StepPlan) -> Result<(), NetError> {
        let Self {
            replica,
            communicator,
        } = self;
        let gradients = &mut replica.weights.parameters.gradients;
        let mut parts = gathered(communicator, gradients.all())?;
        add_in_order(parts.view(), gradients.all_mut())?;
        parts = gathered(communicator, plan.moments.rows.view())?;
        replica.ask_moments(&parts, plan)
    }
}

/// The parts of all devices, one after another.
fn gathered(communicator: &mut Communicator, part: View<'_, f32>) -> Result<Buffer<f32>, NetError> {
    let context = part.context().clone();
    let mut parts = context.unspecified(part.len() * communicator.ranks())?;
    communicator.gather(part, &mut parts)?;
    Ok(parts)
}

/// Some images of a batch.
fn part(batch: &Tensor, images: Range<usize>) -> Tensor {
    let shape = batch.shape();
    let plane = shape.height * shape.width;
    let mut part = Tensor::unspecified(Shape {
        images: images.len(),
        ..shape
    });
    let places = part
        .data_mut()
        .chunks_exact_mut((images.len() * plane).max(1));
    for (channel, place) in places.enumerate() {
        place.copy_from_slice(&batch.channel(channel)[images.start * plane..images.end * plane]);
    }
    part
}

/// The batch that has these parts.
fn joined(parts: &[Tensor]) -> Result<Tensor, NetError> {
    let shape = Shape {
        images: parts.iter().map(|part| part.shape().images).sum(),
        ..parts[0].shape()
    };
    let rows =
        (0..shape.channels).flat_map(|channel| parts.iter().map(move |part| part.channel(channel)));
    Tensor::new(shape, rows.flatten().copied().collect())
}

/// What the devices report of each layer, as one.
fn merged<T>(reports: Vec<Vec<T>>, add: impl Fn(&mut T, T)) -> Vec<T> {
    let mut reports = reports.into_iter();
    let mut total = reports.next().unwrap_or_default();
    for report in reports {
        for (total, report) in total.iter_mut().zip(report) {
            add(total, report);
        }
    }
    total
}

fn add_activity(total: &mut Activity, other: Activity) {
    let mean = weighted([total.columns, other.columns]);
    total.active = mean([total.active, other.active]);
    total.passes = mean([total.passes, other.passes]);
    total.kkt = largest(total.kkt, other.kkt);
    total.unconverged += other.unconverged;
    total.columns += other.columns;
}

/// With the number of columns that each has solved.
fn add_adjoint(total: &mut (AdjointActivity, usize), other: (AdjointActivity, usize)) {
    let mean = weighted([total.1, other.1]);
    total.0.passes = mean([total.0.passes, other.0.passes]);
    total.0.residual = largest(total.0.residual, other.0.residual);
    total.0.unsolved += other.0.unsolved;
    total.1 += other.1;
}

/// Devices work at the same time.
fn longer(total: &mut LayerTimes, other: LayerTimes) {
    total.forward = total.forward.max(other.forward);
    total.backward = total.backward.max(other.backward);
}

fn weighted(columns: [usize; 2]) -> impl Fn([f64; 2]) -> f64 {
    let [first, second] = columns.map(|columns| columns as f64);
    move |[a, b]| (first * a + second * b) / (first + second).max(1.0)
}

/// NaN if one is.
fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}
