//! A network's copy on a graphics processor.
//!
//! A step sends images and labels there, and brings loss, errors and the solvers' reports back, once; activations, gradients and momenta
//! stay. All work goes into one stream in the order of these functions, so nothing has to be waited for in between. Everything is
//! remembered for the way back, whatever `training.recompute` says: memory is what such a device has.

mod data_parallel;
mod laps;
mod layer;
mod param;
mod step;

use std::collections::BTreeMap;
use std::sync::Arc;

use scn_gpu::{Context, PendingSolve, ReportValues, Reports};

pub(crate) use self::data_parallel::DataParallel;
use self::laps::{Lap, Laps};
pub(crate) use self::layer::{Coding, CudaLayer};
use self::layer::{Saved, Solver};
pub(crate) use self::param::CudaParam;
use crate::NetError;
use crate::config::{NetworkConfig, SolverConfig};
use crate::layer::Activity;
use crate::network::{KernelTime, LayerTimes, Named, StepReport};
use crate::ops::batch_norm::ChannelMoments;
use crate::ops::loss::expect_labels;
use crate::replica::{Descent, Replica};
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
    solver: Solver,
    timed: bool,
    non_finite: Option<String>,
}

/// A forward pass.
struct Forward {
    logits: Arc<Map>,
    /// Of each layer; empty in inference.
    saved: Vec<Saved>,
    /// Of each sparse coding layer.
    solves: Vec<PendingSolve>,
}

impl CudaReplica {
    pub(crate) fn new(
        context: &Context,
        config: &NetworkConfig,
        layers: &[Named],
    ) -> Result<Self, NetError> {
        let copy = |named: &Named| Ok((named.name.clone(), named.layer.to_cuda(context)?));
        let mut replica = Self {
            context: context.clone(),
            layers: layers.iter().map(copy).collect::<Result<_, NetError>>()?,
            solver: Solver::new(&config.solver)?,
            timed: false,
            non_finite: None,
        };
        replica.upload(layers)?;
        Ok(replica)
    }

    /// Through all layers, in training with the moments of the batch.
    fn forward(
        &self,
        images: &Tensor,
        training: bool,
        reports: &mut Reports,
        laps: &mut Laps,
    ) -> Result<Forward, NetError> {
        let mut x = Arc::new(Map::upload(&self.context, images)?);
        let mut saved = Vec::new();
        let mut solves = Vec::new();
        laps.begin()?;
        for (index, (_, layer)) in self.layers.iter().enumerate() {
            let passed = if training {
                layer.forward(x, &self.solver, reports)?
            } else {
                layer.infer(x, &self.solver, reports)?
            };
            x = passed.output;
            saved.extend(passed.saved);
            solves.extend(passed.solve);
            laps.end(Lap::Forward(index))?;
        }
        Ok(Forward {
            logits: x,
            saved,
            solves,
        })
    }

    /// Back from dLoss/dlogits, replacing the gradients of the parameters. Returns the adjoint solves in order of flow.
    fn backward(
        &mut self,
        saved: Vec<Saved>,
        gradient: Map,
        reports: &mut Reports,
        laps: &mut Laps,
    ) -> Result<Vec<PendingSolve>, NetError> {
        let mut gradient = gradient;
        let mut solves = Vec::new();
        laps.begin()?;
        for (index, saved) in saved.into_iter().enumerate().rev() {
            let (_, layer) = &mut self.layers[index];
            let (dx, solve) = layer.backward(saved, gradient, &self.solver, reports)?;
            gradient = dx;
            solves.extend(solve);
            laps.end(Lap::Backward(index))?;
        }
        solves.reverse();
        Ok(solves)
    }

    /// Room for what each sparse coding layer reports there and back, the loss, and whether gradients are finite.
    fn reports(&self) -> Result<Reports, NetError> {
        let params = self.layers.iter().map(|(_, layer)| layer.learned().len());
        Ok(Reports::new(
            &self.context,
            2 * self.layers.len() + 1 + params.sum::<usize>(),
        )?)
    }

    fn laps(&self) -> Laps {
        Laps::new(&self.context, self.timed)
    }

    /// The times of the layers; waits for the step if it is timed.
    fn times(&self, laps: &Laps) -> Result<Vec<LayerTimes>, NetError> {
        let mut times = LayerTimes::none(self.layers.iter().map(|(name, _)| name.clone()));
        laps.add_to(&mut times)?;
        Ok(times)
    }

    /// What the sparse coding layers did.
    fn activity(
        &self,
        solves: &[PendingSolve],
        values: &ReportValues,
    ) -> Result<Vec<Activity>, NetError> {
        let coding = self.layers.iter().filter_map(|(_, layer)| layer.coding());
        let pairs = coding.zip(solves);
        let activity = pairs.map(|(coding, solve)| coding.activity(solve.read(values)));
        activity.collect()
    }
}

impl Replica for CudaReplica {
    fn upload(&mut self, layers: &[Named]) -> Result<(), NetError> {
        for ((_, layer), named) in self.layers.iter_mut().zip(layers) {
            for (buffer, (_, param)) in layer.values_mut().into_iter().zip(named.layer.params()) {
                buffer.write(&param.value)?;
            }
            layer.refresh()?;
        }
        Ok(())
    }

    fn download(&self, layers: &mut [Named]) -> Result<(), NetError> {
        for ((_, layer), named) in self.layers.iter().zip(layers) {
            let params = named.layer.params_mut().into_iter();
            for (place, (_, param)) in layer.places().into_iter().zip(params) {
                param.value = place.value.download()?;
                if let Some(gradient) = place.gradient {
                    param.grad = gradient.download()?;
                }
            }
        }
        Ok(())
    }

    fn infer(&self, images: &Tensor) -> Result<(Tensor, Vec<Activity>, Vec<LayerTimes>), NetError> {
        let mut reports = self.reports()?;
        let mut laps = self.laps();
        let Forward { logits, solves, .. } =
            self.forward(images, false, &mut reports, &mut laps)?;
        let values = reports.download()?;
        let times = self.times(&laps)?;
        Ok((logits.download()?, self.activity(&solves, &values)?, times))
    }

    fn loss_and_gradients(
        &mut self,
        images: &Tensor,
        labels: &[u16],
    ) -> Result<StepReport, NetError> {
        let count = images.shape().images;
        expect_labels(labels, count)?;
        let step = self.begin_step(images, labels, count)?;
        self.finish_step(step)
    }

    fn batch_moments(&self, images: &Tensor) -> Result<Vec<Option<ChannelMoments>>, NetError> {
        let mut reports = self.reports()?;
        let Forward { saved, .. } = self.forward(images, true, &mut reports, &mut self.laps())?;
        let moments = saved.iter().map(|saved| match saved {
            Saved::Normalized { moments, .. } => Ok(Some(ChannelMoments {
                mean: moments.mean.download()?,
                variance: moments.variance.download()?,
            })),
            _ => Ok(None),
        });
        moments.collect()
    }

    fn non_finite_gradient(&self) -> Option<String> {
        self.non_finite.clone()
    }

    fn descend(
        &mut self,
        descent: Descent,
        velocity: &BTreeMap<String, Vec<f32>>,
    ) -> Result<(), NetError> {
        for (layer, on_device) in &mut self.layers {
            for (name, param) in on_device.learned_mut() {
                param.descend(descent, || velocity.get(&format!("{layer}.{name}")))?;
            }
            on_device.refresh()?;
        }
        Ok(())
    }

    fn velocity(&self) -> Result<BTreeMap<String, Vec<f32>>, NetError> {
        let mut all = BTreeMap::new();
        for (layer, on_device) in &self.layers {
            for (name, param) in on_device.learned() {
                if let Some(velocity) = &param.velocity {
                    all.insert(format!("{layer}.{name}"), velocity.download()?);
                }
            }
        }
        Ok(all)
    }

    fn set_solver(&mut self, solver: &SolverConfig) -> Result<(), NetError> {
        self.solver = Solver::new(solver)?;
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
