//! Several graphics processors, each with a copy of the network and a share of every batch.
//!
//! Shares are runs of images, as equal as can be. Every device computes the part that its images have in the gradient of the mean loss of
//! the whole batch; then all get the parts of all and add them up in the order of the devices, so that their copies stay the same to the
//! bit, whoever was first. Batch normalisation takes the moments of a device's own share, as is usual; those kept for inference without
//! estimation are of the first device.

use std::collections::BTreeMap;
use std::ops::Range;

use scn_gpu::update::add_in_order;
use scn_gpu::{Communicator, Context};

use super::CudaReplica;
use super::step::Step;
use crate::NetError;
use crate::config::{NetworkConfig, SolverConfig};
use crate::layer::{Activity, AdjointActivity};
use crate::network::{KernelTime, LayerTimes, Named, StepReport};
use crate::ops::batch_norm::ChannelMoments;
use crate::ops::loss::expect_labels;
use crate::replica::{Descent, Replica};
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
        let count = self.members.len();
        let share = |rank: usize| rank * images / count..(rank + 1) * images / count;
        (0..count).map(share).collect()
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
    ) -> Result<StepReport, NetError> {
        let count = images.shape().images;
        expect_labels(labels, count)?;
        let shares = self.shares(count);
        let begin = |member: &mut Member, share: Range<usize>| {
            let (images, labels) = (part(images, share.clone()), &labels[share]);
            member.replica.begin_step(&images, labels, count)
        };
        // What fails does so before anybody waits for another.
        let steps = each(self.members.iter_mut(), shares, begin)?;
        let finish = |member: &mut Member, step: Step| {
            member.exchange()?;
            member.replica.finish_step(step)
        };
        let reports = each(self.members.iter_mut(), steps, finish)?;
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
        Ok(total)
    }

    fn batch_moments(&self, images: &Tensor) -> Result<Vec<Option<ChannelMoments>>, NetError> {
        self.first().batch_moments(images)
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
    /// Replaces the gradients by their sum over all devices.
    fn exchange(&mut self) -> Result<(), NetError> {
        let Self {
            replica,
            communicator,
        } = self;
        let context = replica.context.clone();
        let length = replica.gradients().map(|gradient| gradient.len()).sum();
        // In one piece: a network has many small parameters.
        let mut sum = context.unspecified::<f32>(length)?;
        let mut start = 0;
        for gradient in replica.gradients() {
            let end = start + gradient.len();
            sum.range_mut(start..end)?.copy_from(gradient.view())?;
            start = end;
        }
        let mut parts = context.unspecified(length * communicator.ranks())?;
        communicator.gather(sum.view(), &mut parts)?;
        add_in_order(&mut sum, &parts)?;
        let mut start = 0;
        for gradient in replica.gradients_mut() {
            let end = start + gradient.len();
            gradient.copy_from(sum.range(start..end)?)?;
            start = end;
        }
        Ok(())
    }
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
