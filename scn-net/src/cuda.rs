//! A network's copy on a graphics processor.
//!
//! Activations, parameters, gradients and momenta stay there. All work goes into one stream in the order of these functions, so nothing has
//! to be waited for in between. Everything is remembered for the way back, whatever `training.recompute` says: memory is what such a device
//! has.

mod data_parallel;
mod evaluation;
mod images;
mod inventory;
mod laps;
mod layer;
mod pipeline;
mod slots;
mod step;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use scn_data::Loader;
use scn_gpu::update::DescentSettings;
use scn_gpu::{Context, Labels};

pub(crate) use self::data_parallel::DataParallel;
use self::evaluation::Evaluation;
pub(crate) use self::inventory::Inventory;
use self::inventory::Weights;
use self::laps::Laps;
use self::layer::{BatchMoments, Solver};
pub(crate) use self::layer::{Coding, CudaLayer, Norm};
use self::pipeline::Pipeline;
use self::step::{Asked, Forward, Share, StepPlan};
use crate::NetError;
use crate::config::{NetworkConfig, SolverConfig};
use crate::feed::Fed;
use crate::layer::Activity;
use crate::network::{EachBatch, KernelTime, LayerTimes, Named, StepReport};
use crate::ops::batch_norm::{ChannelMoments, GroupMoments};
use crate::ops::loss::expect_labels;
use crate::replica::{Descent, Done, Replica};
use crate::tensor::{Shape, Tensor};

/// Activations of a batch on the device, laid out as a [`Tensor`].
#[derive(Debug)]
pub(crate) struct Map {
    shape: Shape,
    data: scn_gpu::Buffer<f32>,
}

impl Map {
    /// Numbers of any value, which are all to be written before they are read.
    fn unspecified(context: &Context, shape: Shape) -> Result<Self, NetError> {
        let data = context.unspecified(shape.len())?;
        Ok(Self { shape, data })
    }

    fn upload(context: &Context, tensor: &Tensor) -> Result<Self, NetError> {
        let (shape, data) = (tensor.shape(), context.upload(tensor.data())?);
        Ok(Self { shape, data })
    }

    fn download(&self) -> Result<Tensor, NetError> {
        Tensor::new(self.shape, self.data.download()?)
    }
}

/// A network's copy on a graphics processor.
#[derive(Debug)]
pub(crate) struct CudaReplica {
    context: Context,
    /// In order of flow, by the names of the model file.
    layers: Vec<(String, CudaLayer)>,
    /// Name of each parameter by its index, and whether it is learned.
    names: Vec<String>,
    learned: Vec<bool>,
    /// Channels, height and width of an image.
    input: [usize; 3],
    weights: Weights,
    solver: Solver,
    /// Weight of a batch in the running moments.
    rate: f32,
    settings: DescentSettings,
    /// Whether the parameters have momenta here.
    moving: bool,
    /// For the sizes of batches there have been, the latest first.
    plans: Vec<StepPlan>,
    pipeline: Pipeline,
    /// Behind a lock, as inference leaves the network as it is.
    evaluation: Mutex<Evaluation>,
    timed: bool,
    non_finite: Option<String>,
}

impl CudaReplica {
    pub(crate) fn new(
        context: &Context,
        config: &NetworkConfig,
        layers: &[Named],
    ) -> Result<Self, NetError> {
        let solver = Solver::new(context, &config.solver)?;
        let mut inventory = Inventory::default();
        let copies = layers.iter().map(|named| {
            let copy = named.layer.to_cuda(&mut inventory);
            (named.name.clone(), copy)
        });
        let copies: Vec<_> = copies.collect();
        let learned = inventory.learned();
        let mut names = vec![String::new(); learned.len()];
        for ((name, copy), named) in copies.iter().zip(layers) {
            for (index, (param, _)) in copy.parameters().into_iter().zip(named.layer.params()) {
                names[index] = format!("{name}.{param}");
            }
        }
        let mut replica = Self {
            context: context.clone(),
            layers: copies,
            names,
            learned,
            input: config.input,
            weights: Weights::new(context, &inventory)?,
            solver,
            rate: config.batch_norm.rate,
            settings: DescentSettings::new(context)?,
            moving: false,
            plans: Vec::new(),
            pipeline: Pipeline::default(),
            evaluation: Mutex::default(),
            timed: false,
            non_finite: None,
        };
        replica.upload(layers)?;
        Ok(replica)
    }

    fn laps(&self) -> Laps {
        if self.timed {
            Laps::new(&self.context)
        } else {
            Laps::none()
        }
    }

    /// The times of the layers; waits for the step if it is timed.
    fn times(&self, laps: &Laps) -> Result<Vec<LayerTimes>, NetError> {
        let mut times = LayerTimes::none(self.layers.iter().map(|(name, _)| name.clone()));
        laps.add_to(&mut times)?;
        Ok(times)
    }

    /// There and back with a share of a batch; the plan has the moments of its images.
    fn begin_step(
        &mut self,
        images: &Tensor,
        labels: &[u16],
        share: Share,
    ) -> Result<(StepPlan, Asked, Laps), NetError> {
        let mut plan = self.take_plan(share)?;
        let mut laps = self.laps();
        let classes = self.classes();
        let labels = Labels::upload(&self.context, labels, classes)?;
        let images = Arc::new(Map::upload(&self.context, images)?);
        let asked = self.ask_gradients(images, labels.view(), &mut plan, &mut laps)?;
        Ok((plan, asked, laps))
    }

    /// Waits for a step, and brings what it reports.
    fn finish_step(
        &mut self,
        plan: StepPlan,
        asked: &Asked,
        laps: &Laps,
    ) -> Result<StepReport, NetError> {
        let values = plan.reports.download()?;
        let lambda1 = self.weights.problems.lambda1().download()?;
        self.keep_plan(plan);
        let times = self.times(laps)?;
        let Done { report, non_finite } = self.done(asked, &values, &lambda1, times);
        self.non_finite = non_finite;
        Ok(report)
    }

    /// The numbers of the next step, and momenta to begin with.
    fn set_descent(
        &mut self,
        descent: Descent,
        velocity: &BTreeMap<String, Vec<f32>>,
    ) -> Result<(), NetError> {
        self.begin_moving(velocity)?;
        let Descent {
            rate,
            momentum,
            weight_decay,
        } = descent;
        Ok(self.settings.set(rate, momentum, weight_decay)?)
    }

    /// Takes momenta from here, unless there are some already; those of other parameters are at rest.
    fn begin_moving(&mut self, velocity: &BTreeMap<String, Vec<f32>>) -> Result<(), NetError> {
        if std::mem::replace(&mut self.moving, true) {
            return Ok(());
        }
        for (index, name) in self.names.iter().enumerate() {
            if let Some(start) = velocity.get(name) {
                let mut place = self.weights.parameters.velocities.get_mut(index)?;
                place.write(start)?;
            }
        }
        Ok(())
    }

    fn classes(&self) -> usize {
        let classes = self.layers.iter().rev().find_map(|(_, layer)| match layer {
            CudaLayer::Classifier { classes, .. } => Some(*classes),
            _ => None,
        });
        classes.unwrap_or(0)
    }
}

impl Replica for CudaReplica {
    fn upload(&mut self, layers: &[Named]) -> Result<(), NetError> {
        for ((_, layer), named) in self.layers.iter().zip(layers) {
            let params = named.layer.params();
            let mut params = params.into_iter();
            // Parameters come before moments.
            for (index, (_, param)) in layer.parameters().into_iter().zip(params.by_ref()) {
                let values = &mut self.weights.parameters.values;
                values.get_mut(index)?.write(&param.value)?;
            }
            for (place, (_, param)) in layer.moments().into_iter().zip(params) {
                self.weights.running.range_mut(place)?.write(&param.value)?;
            }
        }
        Ok(self.weights.problems.update(&self.weights.parameters)?)
    }

    fn download(&self, layers: &mut [Named]) -> Result<(), NetError> {
        let parameters = &self.weights.parameters;
        for ((_, layer), named) in self.layers.iter().zip(layers) {
            let mut params = named.layer.params_mut().into_iter();
            for (index, (_, param)) in layer.parameters().into_iter().zip(params.by_ref()) {
                param.value = parameters.values.get(index)?.download()?;
                param.grad = parameters.gradients.get(index)?.download()?;
            }
            for (place, (_, param)) in layer.moments().into_iter().zip(params) {
                param.value = self.weights.running.range(place)?.download()?;
            }
        }
        Ok(())
    }

    fn infer(&self, images: &Tensor) -> Result<(Tensor, Vec<Activity>, Vec<LayerTimes>), NetError> {
        let mut reports = self.reports()?;
        let mut laps = self.laps();
        let images = Arc::new(Map::upload(&self.context, images)?);
        let Forward { logits, solves, .. } = self.forward(images, &mut reports, None, &mut laps)?;
        let values = reports.download()?;
        let lambda1 = self.weights.problems.lambda1().download()?;
        let activity = self.activity(&solves, &values, &lambda1);
        Ok((logits.download()?, activity, self.times(&laps)?))
    }

    fn loss_and_gradients(
        &mut self,
        images: &Tensor,
        labels: &[u16],
        groups: usize,
    ) -> Result<StepReport, NetError> {
        let count = images.shape().images;
        expect_labels(labels, count)?;
        let share = Share::whole(count, groups);
        let (plan, asked, laps) = self.begin_step(images, labels, share)?;
        self.ask_own_moments(&plan)?;
        self.finish_step(plan, &asked, &laps)
    }

    fn hold(&mut self, loader: &Loader) -> Result<bool, NetError> {
        self.hold_images(loader)
    }

    fn train(
        &mut self,
        fed: &Fed,
        groups: usize,
        descent: Descent,
        velocity: &BTreeMap<String, Vec<f32>>,
    ) -> Result<Option<Done>, NetError> {
        self.set_descent(descent, velocity)?;
        self.step(fed, groups)?;
        self.next_report(false)
    }

    fn finish(&mut self) -> Result<Option<Done>, NetError> {
        let done = self.next_report(true)?;
        if done.is_none() {
            self.weights.problems.update(&self.weights.parameters)?;
        }
        Ok(done)
    }

    fn infer_on(
        &self,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        self.evaluate(loader, batches, each)
    }

    fn batch_moments(
        &mut self,
        images: &Tensor,
        groups: usize,
    ) -> Result<Vec<Vec<GroupMoments>>, NetError> {
        let count = images.shape().images;
        let mut plan = self.take_plan(Share::whole(count, groups))?;
        plan.reports.reset()?;
        let images = Arc::new(Map::upload(&self.context, images)?);
        let StepPlan {
            reports, moments, ..
        } = &mut plan;
        self.forward(images, reports, Some(moments), &mut Laps::none())?;
        let BatchMoments { rows, stride, .. } = &plan.moments;
        let (rows, stride) = (rows.download()?, *stride);
        self.keep_plan(plan);
        let of_layer = |(_, layer): &(String, CudaLayer)| {
            let CudaLayer::BatchNorm(norm) = layer else {
                return Vec::new();
            };
            let of_group = |(row, group): (&[f32], std::ops::Range<usize>)| {
                let [mean, variance] = norm.places().map(|place| row[place].to_vec());
                GroupMoments {
                    images: group.len(),
                    moments: ChannelMoments { mean, variance },
                }
            };
            let rows = rows.chunks_exact(stride.max(1));
            rows.zip(scn_data::groups(count, groups))
                .map(of_group)
                .collect()
        };
        Ok(self.layers.iter().map(of_layer).collect())
    }

    fn non_finite_gradient(&self) -> Option<String> {
        self.non_finite.clone()
    }

    fn descend(
        &mut self,
        descent: Descent,
        velocity: &BTreeMap<String, Vec<f32>>,
    ) -> Result<(), NetError> {
        self.set_descent(descent, velocity)?;
        self.ask_descent()?;
        Ok(self.weights.problems.update(&self.weights.parameters)?)
    }

    fn velocity(&self) -> Result<BTreeMap<String, Vec<f32>>, NetError> {
        let mut all = BTreeMap::new();
        if !self.moving {
            return Ok(all);
        }
        for (index, name) in self.names.iter().enumerate() {
            if self.learned[index] {
                let velocity = self.weights.parameters.velocities.get(index)?;
                all.insert(name.clone(), velocity.download()?);
            }
        }
        Ok(all)
    }

    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError> {
        if self.solver.set(solver)? {
            self.plans.clear();
        }
        Ok(())
    }

    fn set_timed(&mut self, timed: bool) {
        self.timed = timed;
        self.context.set_timed(timed);
    }

    fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError> {
        let times = self.context.take_times()?.into_iter();
        let times = times.map(|taken| KernelTime {
            kernel: taken.name.to_string(),
            launches: taken.launches,
            time: taken.time,
        });
        Ok(times.collect())
    }
}
