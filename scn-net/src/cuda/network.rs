//! The copy of a network on a GPU: its numbers and its layers.

use std::sync::Arc;

use scn_gpu::update::{DescentNumbers, DescentSettings};
use scn_gpu::{Context, PendingSolve, ReportValues, Reports, Windows};

use super::asked::Asked;
use super::averages::Averages;
use super::device_report::DeviceReport;
use super::inventory::Inventory;
use super::laps::Laps;
use super::layers::{CudaLayer, Inference, Location};
use super::map::Map;
use super::solver_settings::SolverSettings;
use super::sparse_coding::adjoint_activity;
use super::weights::Weights;
use crate::config::NetworkConfig;
use crate::error::NetError;
use crate::executor::{Done, gradient_of};
use crate::optimizer::{Arrays, Descent, OptimizerState};
use crate::param::Param;
use crate::pass;
use crate::report::{Activity, LayerTimes, StepReport};
use crate::shape::Shape;
use crate::step::Step;
use crate::steps::Steps;

/// The copy of a network on a GPU.
#[derive(Debug)]
pub(super) struct CudaNetwork {
    pub(super) context: Context,
    /// The layers in forward order.
    pub(super) layers: Vec<CudaLayer>,
    /// The output shape of each layer for one image.
    pub(super) shapes: Vec<Shape>,
    /// The index of the first layer that learns.
    pub(super) first_learned: usize,
    /// The names of the steps.
    steps: Vec<String>,
    /// The locations and the names of the arrays, in the order of [`Steps::params`].
    arrays: Vec<(Location, String)>,
    /// The name of each parameter, by its index.
    names: Vec<String>,
    /// Whether each parameter is learned, by its index.
    learned: Vec<bool>,
    /// The shape of one image.
    input: Shape,
    pub(super) weights: Weights,
    pub(super) solver: SolverSettings,
    /// Weight of a batch in the running moments.
    pub(super) rate: f32,
    pub(super) settings: DescentSettings,
    /// Whether the velocities of the parameters have been loaded.
    moving: bool,
    /// Whether gradients are clipped.
    pub(super) clips: bool,
    /// The averages of all arrays, once there are any.
    pub(super) averages: Option<Averages>,
    /// Whether steps update the averages.
    pub(super) averaging: bool,
    timed: bool,
}

impl CudaNetwork {
    pub(super) fn new(
        context: &Context,
        config: &NetworkConfig,
        steps: &Steps,
    ) -> Result<Self, NetError> {
        let solver = SolverSettings::new(context, &config.solver)?;
        let [channels, height, width] = config.input;
        let input = Shape {
            channels,
            images: 1,
            height,
            width,
        };
        let mut inventory = Inventory::default();
        let (mut layers, mut shapes, mut shape) = (Vec::new(), Vec::new(), input);
        for step in steps.list() {
            layers.push(CudaLayer::new(step, &mut inventory)?);
            shape = step.output_shape(shape)?;
            shapes.push(shape);
        }
        let locations: Vec<Location> = layers.iter().flat_map(CudaLayer::locations).collect();
        let learned = inventory.learned();
        let mut names = vec![String::new(); learned.len()];
        let params = steps.list().iter().flat_map(Step::params);
        let array_names = params.map(|(name, _)| name);
        let arrays: Vec<_> = locations.into_iter().zip(array_names).collect();
        for (location, name) in &arrays {
            if let Location::Parameter(index) = location {
                names[*index].clone_from(name);
            }
        }
        let mut network = Self {
            context: context.clone(),
            layers,
            shapes,
            first_learned: steps.list().iter().position(Step::learns).unwrap_or(0),
            steps: steps.names().map(str::to_string).collect(),
            arrays,
            names,
            learned,
            input,
            weights: Weights::new(context, &inventory)?,
            solver,
            rate: config.batch_norm.rate,
            settings: DescentSettings::new(context)?,
            moving: false,
            clips: false,
            averages: None,
            averaging: false,
            timed: false,
        };
        network.load(steps)?;
        Ok(network)
    }

    /// Loads the values of all parameters from the steps.
    pub(super) fn load(&mut self, steps: &Steps) -> Result<(), NetError> {
        let params = steps.list().iter().flat_map(Step::params);
        for ((location, _), (_, param)) in self.arrays.iter().zip(params) {
            match location {
                Location::Parameter(index) => {
                    let values = &mut self.weights.parameters.values;
                    values.get_mut(*index)?.write(&param.value)?;
                }
                Location::Moments(range) => {
                    let mut running = self.weights.running.range_mut(range.clone())?;
                    running.write(&param.value)?;
                }
            }
        }
        self.update_problems()
    }

    /// Fetches the values of all parameters, and the gradients of the last step.
    pub(super) fn fetch(&self, params: &mut [&mut Param]) -> Result<(), NetError> {
        let parameters = &self.weights.parameters;
        for ((location, _), param) in self.arrays.iter().zip(params) {
            match location {
                Location::Parameter(index) => {
                    param.value = parameters.values.get(*index)?.download()?;
                    param.grad = parameters.gradients.get(*index)?.download()?;
                }
                Location::Moments(range) => {
                    param.value = self.weights.running.range(range.clone())?.download()?;
                }
            }
        }
        Ok(())
    }

    /// Recomputes data derived from the parameters.
    pub(super) fn update_problems(&mut self) -> Result<(), NetError> {
        Ok(self.weights.problems.update(&self.weights.parameters)?)
    }

    /// Sets the coefficients of the next step. Loads velocities and averages if there are none yet.
    pub(super) fn set_descent(
        &mut self,
        descent: Descent,
        state: &OptimizerState,
    ) -> Result<(), NetError> {
        self.begin_moving(&state.velocity)?;
        if let (Some(weight), None) = (descent.average, &self.averages) {
            self.averages = Some(Averages::new(
                &self.weights,
                &self.arrays,
                &state.average,
                weight,
            )?);
        }
        self.clips = descent.clip_norm.is_some();
        self.averaging = descent.average.is_some();
        Ok(self.settings.set(DescentNumbers {
            rate: descent.rate,
            momentum: descent.momentum,
            weight_decay: descent.weight_decay,
            clip_norm: descent.clip_norm.unwrap_or(0.0),
            average: descent.average.unwrap_or(0.0),
        })?)
    }

    /// Loads these velocities, unless velocities have been loaded before. Others start from zero.
    fn begin_moving(&mut self, velocity: &Arrays) -> Result<(), NetError> {
        if std::mem::replace(&mut self.moving, true) {
            return Ok(());
        }
        for (index, name) in self.names.iter().enumerate() {
            if let Some(start) = velocity.get(name) {
                let mut momentum = self.weights.parameters.velocities.get_mut(index)?;
                momentum.write(start)?;
            }
        }
        Ok(())
    }

    /// Fetches velocities and averages. There are none before the first step.
    pub(super) fn fetch_state(&self, state: &mut OptimizerState) -> Result<(), NetError> {
        if let Some(averages) = &self.averages {
            state.average = averages.fetch(&self.arrays)?;
        }
        if !self.moving {
            return Ok(());
        }
        for (index, name) in self.names.iter().enumerate() {
            if self.learned[index] {
                let momentum = self.weights.parameters.velocities.get(index)?;
                state.velocity.insert(name.clone(), momentum.download()?);
            }
        }
        Ok(())
    }

    /// Returns the number of classes.
    pub(super) fn classes(&self) -> usize {
        self.shapes.last().map_or(0, |logits| logits.channels)
    }

    pub(super) fn set_timed(&mut self, timed: bool) {
        self.timed = timed;
        self.context.set_timed(timed);
    }

    pub(super) fn laps(&self) -> Laps {
        if self.timed {
            Laps::new(&self.context)
        } else {
            Laps::none()
        }
    }

    /// Returns the times of the layers. Waits for the step if it is timed.
    pub(super) fn times(&self, laps: &Laps) -> Result<Vec<LayerTimes>, NetError> {
        let mut times = LayerTimes::zeros(self.steps.iter().map(String::as_str));
        laps.add_to(&mut times)?;
        Ok(times)
    }

    /// Returns the windows of each sparse coding layer for `images` images.
    pub(super) fn windows(&self, images: usize) -> Result<Vec<Windows>, NetError> {
        let inputs = std::iter::once(&self.input).chain(&self.shapes);
        let coding = self.layers.iter().zip(inputs);
        let windows = coding.filter_map(|(layer, &input)| match layer {
            CudaLayer::SparseCoding(coding) => Some(coding.windows(Shape { images, ..input })),
            _ => None,
        });
        windows.collect()
    }

    /// Allocates the reports of each sparse coding layer in both passes, of the loss, and of the
    /// check that gradients are finite.
    pub(super) fn reports(&self) -> Result<Reports, NetError> {
        let slots = 2 * self.layers.len() + 1 + self.weights.parameters.len();
        Ok(Reports::new(&self.context, slots)?)
    }

    /// Submits inference through the first `count` layers, with the moments of the training data.
    pub(super) fn ask_inference(
        &self,
        images: Map,
        count: usize,
        reports: &mut Reports,
        laps: &mut Laps,
    ) -> Result<(Arc<Map>, Vec<PendingSolve>), NetError> {
        let mut inference = Inference {
            layers: &self.layers,
            shapes: &self.shapes,
            weights: &self.weights,
            solver: &self.solver,
            reports,
            laps,
        };
        pass::infer(&mut inference, count, Arc::new(images))
    }

    /// Returns the result of a step, given the report of this device or the merged report of all
    /// devices.
    pub(super) fn done(&self, all: DeviceReport) -> Done {
        let broken = all.broken.and_then(|index| self.names.get(index));
        Done {
            non_finite: broken.map(|name| gradient_of(name)),
            report: all.report,
        }
    }

    /// Returns the report of this device on a step, given the downloaded values and the λ1 of all
    /// problems.
    pub(super) fn report(
        &self,
        asked: &Asked,
        values: &ReportValues,
        lambda1: &[f32],
        times: Vec<LayerTimes>,
    ) -> DeviceReport {
        let loss = asked.loss.read(values);
        let adjoint = asked.adjoint.iter();
        DeviceReport {
            broken: asked.finite.first_broken(values),
            report: StepReport {
                loss: loss.loss,
                errors: loss.errors,
                activity: self.activity(&asked.codes, values, lambda1),
                adjoint: adjoint
                    .map(|solve| adjoint_activity(solve.read(values)))
                    .collect(),
                times,
            },
        }
    }

    /// Returns the activity of the sparse coding layers, given the downloaded values and the λ1 of
    /// all problems.
    pub(super) fn activity(
        &self,
        solves: &[PendingSolve],
        values: &ReportValues,
        lambda1: &[f32],
    ) -> Vec<Activity> {
        let coding = self.layers.iter().filter_map(|layer| match layer {
            CudaLayer::SparseCoding(coding) => Some(coding),
            _ => None,
        });
        let pairs = coding.zip(solves);
        let activity = pairs
            .map(|(coding, solve)| coding.activity(&self.weights, solve.read(values), lambda1));
        activity.collect()
    }
}
