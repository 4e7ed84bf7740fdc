//! Layers in order of flow.

mod assembly;
mod finite;
mod lambda1;
mod memory;
mod moments;
mod training;

pub(crate) use self::assembly::array_shapes;
pub(crate) use self::finite::{check_moments, signals_of, uncoded};
pub use self::training::EachBatch;
#[cfg(feature = "cuda")]
pub(crate) use self::training::infer_each;

use std::time::Duration;

use crate::stopwatch::Stopwatch;

use self::finite::{check_activity, check_logits, check_pixels, check_statistics};
use crate::config::{NetworkConfig, Recompute, SolverConfig};
use crate::layer::{Activity, AdjointActivity, Layer};
use crate::ops::loss::softmax_cross_entropy;
use crate::param::Param;
use crate::replica::Replica;
use crate::tensor::Tensor;
use crate::{ConfigError, Device, NetError};

/// A network: sparse coding layers with batch normalisation, the average over the map, and a linear classifier.
#[derive(Debug)]
pub struct Network {
    config: NetworkConfig,
    pub(crate) layers: Vec<Named>,
    pub(crate) timed: bool,
    pub(crate) recompute: Recompute,
    /// Images in the largest batch of the loader that it is trained with; 0 if there is none.
    largest_batch: usize,
    /// Where it computes, unless that is here.
    replica: Option<Box<dyn Replica>>,
}

#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) layer: Box<dyn Layer>,
}

/// What came of a batch in training.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Mean loss over the batch.
    pub loss: f64,
    /// Images classified wrongly.
    pub errors: usize,
    /// What each sparse coding layer did.
    pub activity: Vec<Activity>,
    /// What the adjoint of each sparse coding layer did, in the same order.
    pub adjoint: Vec<AdjointActivity>,
    /// The time that each layer took, in order of flow; zero unless [asked for](Network::set_timed).
    pub times: Vec<LayerTimes>,
}

/// The time that a layer took with a batch, on the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerTimes {
    /// As in the model file; the pooling is called `pooling`.
    pub layer: String,
    /// There.
    pub forward: Duration,
    /// And back; zero in inference.
    pub backward: Duration,
}

/// The time that one kernel took on a graphics processor, summed over its launches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelTime {
    /// Name of the kernel, without the number of atoms that it is made for.
    pub kernel: String,
    /// Number of launches.
    pub launches: u64,
    /// The time on the device, measured by an event before and one after each launch.
    pub time: Duration,
}

impl LayerTimes {
    /// No time yet, for layers of these names.
    pub(crate) fn none(names: impl Iterator<Item = String>) -> Vec<Self> {
        let none = |layer| Self {
            layer,
            ..Self::default()
        };
        names.map(none).collect()
    }
}

impl Network {
    /// With initial weights from a seed.
    ///
    /// # Errors
    /// A setting out of range; more memory than there is.
    pub fn new(config: &NetworkConfig, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        memory::check_network(config).map_err(NetError::from)?;
        let layers = assembly::initial_layers(config, seed)?;
        Ok(Self::of_layers(config, layers))
    }

    fn of_layers(config: &NetworkConfig, layers: Vec<Named>) -> Self {
        Self {
            config: config.clone(),
            layers,
            timed: false,
            recompute: Recompute::Nothing,
            largest_batch: 0,
            replica: None,
        }
    }

    /// Computes on a device from here on; a new network computes on this machine's processor.
    ///
    /// On another device the network has a copy of its parameters, which training moves: [`fetch`](Self::fetch) brings them back before
    /// [`params`](Self::params) are read.
    ///
    /// # Errors
    /// A device that cannot hold or run the network.
    pub fn move_to(&mut self, device: &Device) -> Result<(), NetError> {
        self.fetch()?;
        self.replica = device.replica(&self.config, &self.layers)?;
        if let Some(replica) = &mut self.replica {
            replica.set_timed(self.timed);
        }
        Ok(())
    }

    /// Brings parameters, and the gradients of the last step, from the [device](Self::move_to) to [`params`](Self::params). They are always
    /// there for a network that computes on this machine's processor.
    ///
    /// # Errors
    /// A device that fails; parameters or moments that are not finite.
    pub fn fetch(&mut self) -> Result<(), NetError> {
        if let Some(replica) = &self.replica {
            replica.download(&mut self.layers)?;
            self.refresh_layers()?;
            check_statistics(&self.layers)?;
        }
        Ok(())
    }

    /// Its copy on another device.
    pub(crate) fn replica(&self) -> Option<&dyn Replica> {
        self.replica.as_deref()
    }

    /// Its copy on another device, to be changed.
    pub(crate) fn replica_mut(&mut self) -> Option<&mut (dyn Replica + 'static)> {
        self.replica.as_deref_mut()
    }

    /// What it was built from.
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Solves codes and adjoint with other settings from here on.
    ///
    /// # Errors
    /// A setting out of range; the network then keeps its own.
    pub fn set_solver(&mut self, solver: SolverConfig) -> Result<(), ConfigError> {
        let config = NetworkConfig {
            solver,
            ..self.config.clone()
        };
        config.validate()?;
        self.solve_with(&solver)?;
        self.config = config;
        Ok(())
    }

    /// Solves codes and adjoint with other settings from here on, without making them its own: [`config`](Self::config) stays, and with it
    /// what is saved. [`solve_as_configured`](Self::solve_as_configured) goes back.
    ///
    /// # Errors
    /// A setting out of range.
    pub fn solve_with(&mut self, solver: &SolverConfig) -> Result<(), ConfigError> {
        if let Some(replica) = &mut self.replica {
            replica.set_solver(solver)?;
        }
        let mut layers = self.layers.iter_mut();
        layers.try_for_each(|named| named.layer.set_solver(solver))
    }

    /// Solves codes and adjoint as its configuration says.
    ///
    /// # Errors
    /// None, as long as that is in range, which was checked when it was set.
    pub fn solve_as_configured(&mut self) -> Result<(), ConfigError> {
        let solver = self.config.solver;
        self.solve_with(&solver)
    }

    /// What the backward pass computes again instead of remembering it.
    pub fn set_recompute(&mut self, recompute: Recompute) {
        self.recompute = recompute;
    }

    /// Whether reports are to say where the time went. Results do not depend on it.
    ///
    /// # Errors
    /// None, as long as the settings of the solver are in range, which was checked when they were set.
    pub fn set_timed(&mut self, timed: bool) -> Result<(), ConfigError> {
        self.timed = timed;
        if let Some(replica) = &mut self.replica {
            replica.set_timed(timed);
        }
        let mut layers = self.layers.iter_mut();
        layers.try_for_each(|named| named.layer.set_timed(timed))
    }

    /// Waits for the kernels launched while [timed](Self::set_timed), and returns their times since the last call, by name. Empty on
    /// this machine's processor; of several devices, each kernel has the time of the device where it took longest.
    ///
    /// # Errors
    /// A device that fails.
    pub fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError> {
        match &mut self.replica {
            Some(replica) => replica.take_kernel_times(),
            None => Ok(Vec::new()),
        }
    }

    /// Logits (classes × images) with the moments of the training data, and what each sparse coding layer did.
    ///
    /// # Errors
    /// Images of another shape than the network takes; [`NetError::Pixel`] for a pixel that is not finite, [`NetError::Overflow`] for an image
    /// whose activations or logits are not.
    pub fn infer(&self, images: Tensor) -> Result<(Tensor, Vec<Activity>), NetError> {
        let (logits, activity, _) = self.infer_timed(images)?;
        Ok((logits, activity))
    }

    /// As [`infer`](Self::infer), with the time that each layer took, in order of flow; zero unless [asked for](Self::set_timed).
    ///
    /// # Errors
    /// As there.
    pub fn infer_timed(
        &self,
        images: Tensor,
    ) -> Result<(Tensor, Vec<Activity>, Vec<LayerTimes>), NetError> {
        self.check_input(&images)?;
        if let Some(replica) = &self.replica {
            let done = replica.infer(&images)?;
            check_activity(&done.1)?;
            check_logits(&done.0)?;
            return Ok(done);
        }
        let mut x = images;
        let mut activity = Vec::new();
        let mut times = self.no_times();
        let mut watch = Stopwatch::start(self.timed);
        for (Named { layer, .. }, times) in self.layers.iter().zip(&mut times) {
            let (y, done) = layer.infer(x)?;
            activity.extend(done);
            x = y;
            watch.lap(&mut times.forward);
        }
        check_logits(&x)?;
        Ok((x, activity, times))
    }

    /// The codes of sparse coding layer `h`, counted from 0, as in [inference](Self::infer). Computed on this machine's processor with
    /// [`params`](Self::params), wherever the network is.
    ///
    /// # Errors
    /// Images of another shape than the network takes, or with pixels or activations that are not finite; no such layer.
    pub fn codes(&self, images: Tensor, h: usize) -> Result<Tensor, NetError> {
        self.check_input(&images)?;
        let name = format!("layer{h}");
        let mut x = images;
        for named in &self.layers {
            x = named.layer.infer(x)?.0;
            if named.name == name {
                return Ok(x);
            }
        }
        Err(NetError::Input {
            layer: name,
            expected: format!("one of {} sparse coding layers", self.config.layers.len()),
            found: "none of them".to_string(),
        })
    }

    /// One batch in training mode: the loss, and its gradients in the parameters, replacing what was there. Running
    /// moments move; weights do not. With `batch_norm.group` = k, N images are N / k [groups](scn_data::groups), rounded up.
    ///
    /// # Errors
    /// Images of another shape than the network takes, or labels that do not fit; [`NetError::Pixel`] and [`NetError::Overflow`] as in
    /// [`infer`](Self::infer). Logits and gradients that are not finite show in the loss and in [`params`](Self::params).
    pub fn loss_and_gradients(
        &mut self,
        images: Tensor,
        labels: &[u16],
    ) -> Result<StepReport, NetError> {
        self.check_input(&images)?;
        let groups = self.groups(images.shape().images);
        if let Some(replica) = &mut self.replica {
            let report = replica.loss_and_gradients(&images, labels, groups)?;
            check_activity(&report.activity)?;
            return Ok(report);
        }
        let mut times = self.no_times();
        let forward = self.forward(images, &mut times)?;
        let loss = softmax_cross_entropy(&forward.logits, labels)?;
        self.visit_params_mut(&mut |_, param| param.grad.fill(0.0));
        let (activity, adjoint) = self.backward(forward, loss.gradient, &mut times)?;
        Ok(StepReport {
            loss: loss.value,
            errors: loss.errors,
            activity,
            adjoint,
            times,
        })
    }

    /// The first parameter whose gradient in the last step has an entry that is not finite.
    pub(crate) fn non_finite_gradient(&self) -> Option<String> {
        if let Some(replica) = &self.replica {
            return replica.non_finite_gradient();
        }
        let finite = |param: &Param| param.grad.iter().all(|value| value.is_finite());
        let broken = self.params().find(|(_, param)| !finite(param));
        broken.map(|(name, _)| name)
    }

    /// Into how many groups batch normalisation divides so many images in training: as many as a full batch has.
    pub(crate) fn groups(&self, images: usize) -> usize {
        match self.config.batch_norm.group {
            Some(group) => self.largest_batch.max(images).div_ceil(group.max(1)),
            None => 1,
        }
    }

    /// Number of learned parameters.
    pub fn parameter_count(&self) -> usize {
        self.params()
            .filter(|(_, param)| param.learned())
            .map(|(_, param)| param.value.len())
            .sum()
    }

    /// All arrays in order of flow, by the names of the model file: `layer{h}.dictionary`, `norm{h}.mean`,
    /// `classifier.weight`, ...
    pub fn params(&self) -> impl Iterator<Item = (String, &Param)> {
        self.layers.iter().flat_map(|Named { name, layer }| {
            layer
                .params()
                .into_iter()
                .map(move |(param, value)| (format!("{name}.{param}"), value))
        })
    }

    /// A parameter by its name, as [`params`](Self::params) has it.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params()
            .find(|(its, _)| its == name)
            .map(|(_, param)| param)
    }

    /// Visits all arrays to change them; [`refresh`](Self::refresh) must follow a change of values.
    pub fn visit_params_mut(&mut self, visit: &mut dyn FnMut(&str, &mut Param)) {
        for Named { name, layer } in &mut self.layers {
            for (param, value) in layer.params_mut() {
                visit(&format!("{name}.{param}"), value);
            }
        }
    }

    /// Derives anew what depends on the parameters: the Gram matrix of each layer, and the copy on another device.
    ///
    /// # Errors
    /// A dictionary or a λ1 that is not finite; a device that fails.
    pub fn refresh(&mut self) -> Result<(), NetError> {
        self.refresh_layers()?;
        self.upload()
    }

    fn upload(&mut self) -> Result<(), NetError> {
        match &mut self.replica {
            Some(replica) => replica.upload(&self.layers),
            None => Ok(()),
        }
    }

    fn refresh_layers(&mut self) -> Result<(), NetError> {
        self.layers
            .iter_mut()
            .try_for_each(|named| named.layer.refresh())
    }

    /// Condition number of `H = D'D + λ2 I` of each sparse coding layer.
    pub fn conditions(&self) -> Vec<f64> {
        self.layers
            .iter()
            .filter_map(|named| named.layer.condition())
            .collect()
    }

    /// For each layer.
    fn no_times(&self) -> Vec<LayerTimes> {
        LayerTimes::none(self.layers.iter().map(|named| named.name.clone()))
    }

    fn check_input(&self, images: &Tensor) -> Result<(), NetError> {
        let shape = images.shape();
        self.check_image([shape.channels, shape.height, shape.width])?;
        check_pixels(images)
    }

    /// `Ok` if the network takes images of so many channels, of this height and width.
    fn check_image(&self, found: [usize; 3]) -> Result<(), NetError> {
        if found == self.config.input {
            return Ok(());
        }
        let [channels, height, width] = self.config.input;
        Err(NetError::Input {
            layer: "the network".to_string(),
            expected: format!("images of {channels} x {height} x {width}"),
            found: format!("{} x {} x {}", found[0], found[1], found[2]),
        })
    }
}
