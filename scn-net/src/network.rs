//! A network: its steps, and the device that executes them.

mod custom;
mod descent;
mod dictionaries;
mod lambda1;
mod lesson;
mod memory;
mod moments;
mod params;
mod training;

use std::collections::BTreeMap;

use scn_data::Batch;

use crate::assembly::{initial_steps, steps_from_arrays};
use crate::config::{
    DictionaryInit, NetworkConfig, Recompute, SolverConfig, check_label_smoothing,
};
use crate::cpu::CpuExecutor;
use crate::device::Device;
use crate::error::{ConfigError, NetError};
use crate::executor::{Executor, Inferred, PassSettings};
use crate::finite::{check_activity, check_logits, check_pixels};
use crate::memory::check_network;
use crate::on_device::executor;
use crate::report::{Activity, KernelTime, LayerTimes, StepReport};
use crate::step::Step;
use crate::steps::Steps;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// A network of sparse coding layers with batch normalisation, the average over the map, and a
/// linear classifier, with [custom layers](Self::insert_after) in between.
///
/// A new network computes on the CPU; [`move_to`](Self::move_to) chooses a different device.
/// Methods that read parameters return them as trained, on whichever device that was.
#[derive(Debug)]
pub struct Network {
    config: NetworkConfig,
    steps: Steps,
    executor: Box<dyn Executor>,
    timed: bool,
    recompute: Recompute,
    label_smoothing: f32,
    /// Number of images in the largest batch of the loader that trains the network; 0 without a
    /// loader.
    largest_batch: usize,
    /// Whether the dictionaries are still to be learned.
    unlearned: bool,
}

impl Network {
    /// Creates a network with initial weights drawn from a seed. If [dictionaries are learned from
    /// images](crate::DictionaryInit::Learned), [`learn_dictionaries`](Self::learn_dictionaries)
    /// must be called before the network computes anything or is saved.
    ///
    /// # Errors
    /// Returns an error if a setting is out of range or there is not enough memory.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Network, presets};
    ///
    /// let config = presets::get("digits")?.network;
    /// let network = Network::new(&config, 7)?;
    /// let [same, other] = [Network::new(&config, 7)?, Network::new(&config, 8)?];
    /// assert!(network.params()?.eq(same.params()?));
    /// assert!(network.params()?.ne(other.params()?));
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
    pub fn new(config: &NetworkConfig, seed: u64) -> Result<Self, ConfigError> {
        let network = Self::of_steps(config, || initial_steps(config, seed))?;
        Ok(Self {
            unlearned: config.dictionary == DictionaryInit::Learned,
            ..network
        })
    }

    /// Creates a network from all its arrays, by their names in the model file. Computes each Gram
    /// matrix only once.
    pub(crate) fn from_arrays(
        config: &NetworkConfig,
        arrays: BTreeMap<String, Vec<f32>>,
    ) -> Result<Self, ConfigError> {
        Self::of_steps(config, || steps_from_arrays(config, arrays))
    }

    fn of_steps(
        config: &NetworkConfig,
        steps: impl FnOnce() -> Vec<Step>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        check_network(config).map_err(NetError::from)?;
        let steps = Steps::new(steps());
        Ok(Self {
            config: config.clone(),
            executor: Box::new(CpuExecutor::new(&config.solver, &steps)?),
            steps,
            timed: false,
            recompute: Recompute::Nothing,
            label_smoothing: 0.0,
            largest_batch: 0,
            unlearned: false,
        })
    }

    /// Moves the network to a device.
    ///
    /// # Errors
    /// Returns an error if the device cannot hold or run the network. A GPU cannot run custom
    /// layers, for example.
    pub fn move_to(&mut self, device: &Device) -> Result<(), NetError> {
        self.fetch()?;
        let mut executor = executor(device, &self.config, &self.steps)?;
        executor.set_timed(self.timed);
        self.executor = executor;
        Ok(())
    }

    /// Returns the configuration of the network.
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Changes the solver settings of codes and adjoints.
    ///
    /// # Errors
    /// Returns an error if a setting is out of range; the network then keeps its settings.
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

    /// Changes the solver settings without changing the configuration: [`config`](Self::config) and
    /// saved models keep the previous ones. [`solve_as_configured`](Self::solve_as_configured)
    /// restores them.
    ///
    /// # Errors
    /// Returns an error if a setting is out of range.
    pub fn solve_with(&mut self, solver: &SolverConfig) -> Result<(), ConfigError> {
        Ok(self.executor.set_solver(solver)?)
    }

    /// Restores the solver settings of the configuration.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    pub fn solve_as_configured(&mut self) -> Result<(), ConfigError> {
        let solver = self.config.solver;
        self.solve_with(&solver)
    }

    /// Sets what the backward pass recomputes instead of storing.
    pub fn set_recompute(&mut self, recompute: Recompute) {
        self.recompute = recompute;
    }

    /// Sets the label smoothing in training, as in
    /// [`TrainingConfig::label_smoothing`](crate::TrainingConfig::label_smoothing). Evaluation does
    /// not smooth labels.
    ///
    /// # Errors
    /// Returns [`ConfigError::Range`] if `share` is negative, or 1 or more. The network then keeps
    /// its value.
    pub fn set_label_smoothing(&mut self, share: f64) -> Result<(), ConfigError> {
        check_label_smoothing(share)?;
        self.label_smoothing = share as f32;
        Ok(())
    }

    /// Sets whether reports include times. Results do not depend on it.
    pub fn set_timed(&mut self, timed: bool) {
        self.timed = timed;
        self.executor.set_timed(timed);
    }

    /// Waits for the kernels launched while [timed](Self::set_timed), and returns their times since
    /// the last call, by name. The list is empty on the CPU. With several devices, each kernel has
    /// its time on the device where it took longest.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    pub fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError> {
        self.executor.take_kernel_times()
    }

    /// Returns logits (classes × images), computed with the moments of the training data, and the
    /// activity of each sparse coding layer.
    ///
    /// # Errors
    /// Returns an error if the images do not have the shape that the network takes,
    /// [`NetError::Pixel`] if a pixel is not finite, and [`NetError::Overflow`] if activations or
    /// logits of an image are not.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Network, Shape, Tensor, presets};
    ///
    /// // Two black images. Their codes are zero, so the logits are the biases: 0 in a new network.
    /// let network = Network::new(&presets::get("digits")?.network, 0)?;
    /// let images = Tensor::zeros(Shape { channels: 1, images: 2, height: 8, width: 8 });
    /// let (logits, activity) = network.infer(images)?;
    /// assert_eq!(logits, Tensor::zeros(Shape { channels: 10, images: 2, height: 1, width: 1 }));
    ///
    /// // The third layer has stride 2. There is one window per pixel of its output.
    /// assert!(activity.iter().all(|layer| layer.active == 0.0));
    /// assert_eq!((activity[0].columns, activity[2].columns), (2 * 8 * 8, 2 * 4 * 4));
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
    pub fn infer(&self, images: Tensor) -> Result<(Tensor, Vec<Activity>), NetError> {
        let (logits, activity, _) = self.infer_timed(images)?;
        Ok((logits, activity))
    }

    /// Same as [`infer`](Self::infer), but also returns the times of each layer, in forward order.
    /// They are zero unless [timed](Self::set_timed).
    ///
    /// # Errors
    /// Same as [`infer`](Self::infer).
    pub fn infer_timed(
        &self,
        images: Tensor,
    ) -> Result<(Tensor, Vec<Activity>, Vec<LayerTimes>), NetError> {
        let Inferred {
            output,
            activity,
            times,
        } = self.infer_steps(images, self.steps.list().len())?;
        check_logits(&output)?;
        Ok((output, activity, times))
    }

    /// Returns the codes of sparse coding layer `h`, counted from 0, in [inference](Self::infer).
    ///
    /// # Errors
    /// Returns [`NetError::NoSuchLayer`] if there is no such layer, and an error if the images do
    /// not have the shape that the network takes, or if pixels or activations are not finite.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Network, Shape, Tensor, presets};
    ///
    /// let network = Network::new(&presets::get("digits")?.network, 0)?;
    /// let shape = Shape { channels: 1, images: 2, height: 8, width: 8 };
    /// let pixels = (0..shape.len()).map(|k| (k % 17) as f32 / 16.0).collect();
    /// let images = Tensor::new(shape, pixels)?;
    ///
    /// // Eight atoms, and a window around every pixel.
    /// let codes = network.codes(images.clone(), 0)?;
    /// assert_eq!(codes.shape(), Shape { channels: 8, ..shape });
    /// assert!(codes.data().iter().all(|&entry| entry >= 0.0));
    /// let active = codes.data().iter().filter(|&&entry| entry > 0.0).count();
    /// assert!(active > 0);
    /// let (_, activity) = network.infer(images)?;
    /// assert_eq!(activity[0].active, active as f64 / codes.data().len() as f64);
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
    pub fn codes(&self, images: Tensor, h: usize) -> Result<Tensor, NetError> {
        let name = format!("layer{h}");
        let step = self.steps.names().position(|its| its == name);
        let step = step.ok_or(NetError::NoSuchLayer {
            layer: h,
            layers: self.config.layers.len(),
        })?;
        Ok(self.infer_steps(images, step + 1)?.output)
    }

    fn infer_steps(&self, images: Tensor, count: usize) -> Result<Inferred, NetError> {
        self.check_input(&images)?;
        let inferred = self.executor.infer(&self.steps, images, count)?;
        check_activity(&inferred.activity)?;
        Ok(inferred)
    }

    /// Computes the loss of one batch in training mode, and its gradients with respect to the
    /// parameters, which replace the previous ones. Updates running moments but not weights. With
    /// `batch_norm.group` = k, N images form N / k [groups](scn_data::groups), rounded up.
    ///
    /// # Errors
    /// Returns an error if images or labels do not fit the network, and [`NetError::Pixel`] or
    /// [`NetError::Overflow`] as in [`infer`](Self::infer). Logits and gradients that are not
    /// finite show in the loss and in [`params`](Self::params) instead.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use scn_net::{Network, Shape, Tensor, presets};
    ///
    /// // Two black images, to which a new network assigns all classes with probability 1/10.
    /// let mut network = Network::new(&presets::get("digits")?.network, 0)?;
    /// let images = Tensor::zeros(Shape { channels: 1, images: 2, height: 8, width: 8 });
    /// let report = network.loss_and_gradients(images, &[3, 5])?;
    /// assert_abs_diff_eq!(report.loss, 10_f64.ln(), epsilon = 1e-12);
    ///
    /// // The mean over the images of probability minus label, in f32.
    /// let bias = network.param("classifier.bias")?.ok_or("no bias")?;
    /// assert_abs_diff_eq!(bias.grad[0], 0.1, epsilon = 1e-6);
    /// assert_abs_diff_eq!(bias.grad[3], 0.1 - 0.5, epsilon = 1e-6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn loss_and_gradients(
        &mut self,
        images: Tensor,
        labels: &[u16],
    ) -> Result<StepReport, NetError> {
        self.gradients_toward(images, Targets::of_labels(labels))
    }

    /// Same as [`loss_and_gradients`](Self::loss_and_gradients), but for a batch of a loader. If
    /// its images [are mixed](scn_data::Loader::with_mixup), its labels are, too.
    ///
    /// # Errors
    /// Same as [`loss_and_gradients`](Self::loss_and_gradients).
    pub fn batch_gradients(&mut self, batch: &Batch) -> Result<StepReport, NetError> {
        self.gradients_toward(Tensor::from_batch(batch)?, Targets::of_batch(batch))
    }

    fn gradients_toward(
        &mut self,
        images: Tensor,
        targets: Targets<'_>,
    ) -> Result<StepReport, NetError> {
        self.check_input(&images)?;
        let settings = self.pass_settings(images.shape().images);
        let steps = &mut self.steps;
        let report = self
            .executor
            .loss_and_gradients(steps, images, targets, settings)?;
        check_activity(&report.activity)?;
        Ok(report)
    }

    /// Returns the settings for training on a batch of `images` images. Batch normalisation divides
    /// it into as many groups as a full batch has.
    fn pass_settings(&self, images: usize) -> PassSettings {
        let groups = match self.config.batch_norm.group {
            Some(group) => self.largest_batch.max(images).div_ceil(group.max(1)),
            None => 1,
        };
        PassSettings {
            groups,
            recompute: self.recompute,
            smoothing: self.label_smoothing,
        }
    }

    fn check_input(&self, images: &Tensor) -> Result<(), NetError> {
        let shape = images.shape();
        self.check_image([shape.channels, shape.height, shape.width])?;
        check_pixels(images)
    }

    /// Checks that the network can compute, and takes images of this shape (channels, height,
    /// width).
    fn check_image(&self, found: [usize; 3]) -> Result<(), NetError> {
        if self.unlearned {
            return Err(NetError::Unlearned);
        }
        self.check_shape(found)
    }

    /// Whether the dictionaries are still to be learned.
    pub(crate) fn is_unlearned(&self) -> bool {
        self.unlearned
    }

    /// Checks that the network takes images of this shape (channels, height, width).
    fn check_shape(&self, found: [usize; 3]) -> Result<(), NetError> {
        let expected = self.config.input;
        if found == expected {
            return Ok(());
        }
        Err(NetError::Images { expected, found })
    }
}
