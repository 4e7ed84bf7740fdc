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
use crate::cpu::Processor;
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

/// A network: sparse coding layers with batch normalisation, the average over the map, and a linear
/// classifier; and [custom layers](Self::insert_after) in between.
///
/// A new network computes on this machine's processor; [`move_to`](Self::move_to) chooses another
/// device. What reads parameters gets them as they were trained, wherever that was.
#[derive(Debug)]
pub struct Network {
    config: NetworkConfig,
    steps: Steps,
    executor: Box<dyn Executor>,
    timed: bool,
    recompute: Recompute,
    label_smoothing: f32,
    /// Images in the largest batch of the loader that it is trained with; 0 if there is none.
    largest_batch: usize,
    /// Whether its dictionaries are still to be learned.
    unlearned: bool,
}

impl Network {
    /// With initial weights from a seed. Where [dictionaries are learned from
    /// images](crate::DictionaryInit::Learned), [`learn_dictionaries`](Self::learn_dictionaries)
    /// must follow before the network computes anything or is saved.
    ///
    /// # Errors
    /// A setting out of range; more memory than there is.
    pub fn new(config: &NetworkConfig, seed: u64) -> Result<Self, ConfigError> {
        let network = Self::of_steps(config, || initial_steps(config, seed))?;
        Ok(Self {
            unlearned: config.dictionary == DictionaryInit::Learned,
            ..network
        })
    }

    /// With all its arrays, by their names in the model file. Gram matrices are computed once.
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
            executor: Box::new(Processor::new(&config.solver, &steps)?),
            steps,
            timed: false,
            recompute: Recompute::Nothing,
            label_smoothing: 0.0,
            largest_batch: 0,
            unlearned: false,
        })
    }

    /// Computes on a device from here on.
    ///
    /// # Errors
    /// A device that cannot hold or run the network, as a graphics processor cannot run custom
    /// layers.
    pub fn move_to(&mut self, device: &Device) -> Result<(), NetError> {
        self.fetch()?;
        let mut executor = executor(device, &self.config, &self.steps)?;
        executor.set_timed(self.timed);
        self.executor = executor;
        Ok(())
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

    /// Solves codes and adjoint with other settings from here on, without making them its own:
    /// [`config`](Self::config) stays, and with it what is saved.
    /// [`solve_as_configured`](Self::solve_as_configured) goes back.
    ///
    /// # Errors
    /// A setting out of range.
    pub fn solve_with(&mut self, solver: &SolverConfig) -> Result<(), ConfigError> {
        Ok(self.executor.set_solver(solver)?)
    }

    /// Solves codes and adjoint as its configuration says.
    ///
    /// # Errors
    /// A device that fails.
    pub fn solve_as_configured(&mut self) -> Result<(), ConfigError> {
        let solver = self.config.solver;
        self.solve_with(&solver)
    }

    /// What the backward pass computes again instead of remembering it.
    pub fn set_recompute(&mut self, recompute: Recompute) {
        self.recompute = recompute;
    }

    /// The share of all classes together in every label while training, as in
    /// [`TrainingConfig::label_smoothing`](crate::TrainingConfig::label_smoothing). Evaluation does
    /// not smooth.
    ///
    /// # Errors
    /// [`ConfigError::Range`] for a share that is negative, 1 or more; the network then keeps its
    /// own.
    pub fn set_label_smoothing(&mut self, share: f64) -> Result<(), ConfigError> {
        check_label_smoothing(share)?;
        self.label_smoothing = share as f32;
        Ok(())
    }

    /// Whether reports are to say where the time went. Results do not depend on it.
    pub fn set_timed(&mut self, timed: bool) {
        self.timed = timed;
        self.executor.set_timed(timed);
    }

    /// Waits for the kernels launched while [timed](Self::set_timed), and returns their times since
    /// the last call, by name. Empty on this machine's processor; of several devices, each kernel
    /// has the time of the device where it took longest.
    ///
    /// # Errors
    /// A device that fails.
    pub fn take_kernel_times(&mut self) -> Result<Vec<KernelTime>, NetError> {
        self.executor.take_kernel_times()
    }

    /// Logits (classes × images) with the moments of the training data, and what each sparse coding
    /// layer did.
    ///
    /// # Errors
    /// Images of another shape than the network takes; [`NetError::Pixel`] for a pixel that is not
    /// finite, [`NetError::Overflow`] for an image whose activations or logits are not.
    pub fn infer(&self, images: Tensor) -> Result<(Tensor, Vec<Activity>), NetError> {
        let (logits, activity, _) = self.infer_timed(images)?;
        Ok((logits, activity))
    }

    /// As [`infer`](Self::infer), with the time that each layer took, in order of flow; zero unless
    /// [asked for](Self::set_timed).
    ///
    /// # Errors
    /// As there.
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

    /// The codes of sparse coding layer `h`, counted from 0, as in [inference](Self::infer).
    ///
    /// # Errors
    /// Images of another shape than the network takes, or with pixels or activations that are not
    /// finite; [`NetError::NoSuchLayer`].
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

    /// One batch in training mode: the loss, and its gradients in the parameters, replacing what
    /// was there. Running moments move; weights do not. With `batch_norm.group` = k, N images are N
    /// / k [groups](scn_data::groups), rounded up.
    ///
    /// # Errors
    /// Images of another shape than the network takes, or labels that do not fit;
    /// [`NetError::Pixel`] and [`NetError::Overflow`] as in [`infer`](Self::infer). Logits and
    /// gradients that are not finite show in the loss and in [`params`](Self::params).
    pub fn loss_and_gradients(
        &mut self,
        images: Tensor,
        labels: &[u16],
    ) -> Result<StepReport, NetError> {
        self.gradients_toward(images, Targets::of_labels(labels))
    }

    /// As [`loss_and_gradients`](Self::loss_and_gradients), of a batch of a loader. Where its images
    /// [are mixed](scn_data::Loader::with_mixup), its labels are, too.
    ///
    /// # Errors
    /// As there.
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

    /// How so many images are taken through the network in training. Batch normalisation divides
    /// them into as many groups as a full batch has.
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

    /// `Ok` if the network can compute, and takes images of so many channels, of this height and
    /// width.
    fn check_image(&self, found: [usize; 3]) -> Result<(), NetError> {
        if self.unlearned {
            return Err(NetError::Unlearned);
        }
        self.check_shape(found)
    }

    /// Whether its dictionaries are still to be learned.
    pub(crate) fn is_unlearned(&self) -> bool {
        self.unlearned
    }

    /// `Ok` if the network takes images of so many channels, of this height and width.
    fn check_shape(&self, found: [usize; 3]) -> Result<(), NetError> {
        let expected = self.config.input;
        if found == expected {
            return Ok(());
        }
        Err(NetError::Images { expected, found })
    }
}
