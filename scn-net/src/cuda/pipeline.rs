//! Training steps that follow each other without waiting: a step is submitted while the previous
//! one is still being computed, and reports are read one step late.

use std::collections::VecDeque;

use scn_data::{Batch, Loader};
use scn_gpu::{GpuError, StagedBuffer, StagedLabels, TargetSettings, Targets};

use super::asked::Asked;
use super::device_report::DeviceReport;
use super::images::Held;
use super::laps::Laps;
use super::map::Map;
use super::network::CudaNetwork;
use super::plan::{Plans, Recorded, Sent, StepPlan};
use super::share::Share;
use super::slots::{Slot, Slots};
use crate::error::NetError;
use crate::executor::PassSettings;
use crate::feed::{InputKind, StepInput};
use crate::tensor::Tensor;

/// Number of steps in flight while the next one is submitted.
const ON_THEIR_WAY: usize = 1;

/// The state that consecutive steps need besides the network.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    pub(super) plans: Plans,
    /// The training images, if they are on the device.
    held: Option<Held>,
    /// How labels are mixed and smoothed; None before the first step.
    targets: Option<TargetSettings>,
    late: VecDeque<Late>,
    slots: Slots,
}

/// A step whose reports have not been read yet.
#[derive(Debug)]
struct Late {
    asked: Asked,
    slot: Slot,
}

impl Pipeline {
    /// Copies the images of a loader to the device if they fit, so that steps can be fed with
    /// plans.
    pub(super) fn hold(
        &mut self,
        network: &CudaNetwork,
        loader: &Loader,
    ) -> Result<InputKind, NetError> {
        // Discard steps left behind by an earlier run that failed.
        self.late.clear();
        if !self.held.as_ref().is_some_and(|held| held.is_of(loader)) {
            // Recorded steps read the previous set.
            self.plans.clear();
            self.held = None;
            self.held = Held::new(&network.context, loader, network.classes())?;
        }
        Ok(if self.held.is_some() {
            InputKind::Plans
        } else {
            InputKind::Batches
        })
    }

    /// Sets how the labels of the next step are mixed and smoothed.
    pub(super) fn soften(
        &mut self,
        network: &CudaNetwork,
        mixed_in: Option<f32>,
        smoothing: f32,
    ) -> Result<&TargetSettings, NetError> {
        let targets = match &mut self.targets {
            Some(targets) => targets,
            none => none.insert(TargetSettings::new(&network.context)?),
        };
        targets.set(mixed_in.unwrap_or(0.0), smoothing)?;
        Ok(targets)
    }

    /// Selects the images of the next step on the device, or sends them.
    pub(super) fn feed(
        &mut self,
        network: &CudaNetwork,
        input: &StepInput,
        smoothing: f32,
        plan: &mut StepPlan,
    ) -> Result<(), NetError> {
        self.soften(network, input.mixed_in(), smoothing)?;
        match (input, &mut self.held) {
            (StepInput::Plan(batch), Some(held)) => {
                plan.sent = None;
                held.set(batch)
            }
            (StepInput::Plan(_), None) => unreachable!("{NOT_HELD}"),
            (StepInput::Batch(batch) | StepInput::Part(batch, _), _) => send(network, batch, plan),
        }
    }

    /// Submits the gradients of the images that have been selected or sent.
    pub(super) fn ask_gradients_of_input(
        &mut self,
        network: &mut CudaNetwork,
        plan: &mut StepPlan,
    ) -> Result<Asked, NetError> {
        let mut laps = Laps::none();
        let Some(settings) = &self.targets else {
            unreachable!("feeding a step sets its targets")
        };
        if let Some(sent) = plan.sent.take() {
            let mut map = Map::unspecified(&network.context, sent.shape)?;
            map.data.copy_from(sent.images.view())?;
            let mut targets = Targets::new(sent.labels.view(), settings);
            if let Some(partners) = &sent.partners {
                targets = targets.mixed_with(partners.view());
            }
            let asked = network.ask_gradients(map, targets, plan, &mut laps);
            plan.sent = Some(sent);
            return asked;
        }
        let Some(held) = &self.held else {
            unreachable!("{NOT_HELD}")
        };
        let (map, targets) = held.training_batch(&network.context, settings, plan.kind.mixes)?;
        network.ask_gradients(map, targets, plan, &mut laps)
    }

    /// Submits a whole step on the images that have been selected or sent.
    fn ask_step(
        &mut self,
        network: &mut CudaNetwork,
        plan: &mut StepPlan,
    ) -> Result<Asked, NetError> {
        let asked = self.ask_gradients_of_input(network, plan)?;
        network.ask_own_moments(plan)?;
        network.ask_descent()?;
        Ok(asked)
    }

    /// Submits a whole step, as one launch if it has been recorded.
    pub(super) fn step(
        &mut self,
        network: &mut CudaNetwork,
        input: &StepInput,
        settings: PassSettings,
    ) -> Result<(), NetError> {
        let share = Share::whole(input.images(), settings.groups);
        let mixes = input.mixed_in().is_some();
        let mut plan = self.plans.take(network, share, mixes)?;
        self.feed(network, input, settings.smoothing, &mut plan)?;
        let asked = self.start_step(network, &mut plan)?;
        self.close_step(network, plan, asked)
    }

    fn start_step(
        &mut self,
        network: &mut CudaNetwork,
        plan: &mut StepPlan,
    ) -> Result<Asked, NetError> {
        /// Number of retries after a failed recording. Memory that another step has taken meanwhile
        /// is free again later.
        const MOST_FAILURES: u32 = 3;
        if !network.context.uses_graphs() || network.context.is_timed() {
            return self.ask_step(network, plan);
        }
        if let Recorded::Warm { failures } = plan.recorded {
            let context = network.context.clone();
            plan.recorded = match context.capture(|| self.ask_step(network, plan)) {
                Ok((graph, asked)) => Recorded::Graph { graph, asked },
                Err(NetError::Gpu(GpuError::Capture(_))) if failures < MOST_FAILURES => {
                    Recorded::Warm {
                        failures: failures + 1,
                    }
                }
                Err(NetError::Gpu(GpuError::Capture(_))) => Recorded::GivenUp,
                Err(error) => return Err(error),
            };
        }
        if let Recorded::Graph { graph, asked } = &plan.recorded {
            graph.launch()?;
            return Ok(asked.clone());
        }
        let asked = self.ask_step(network, plan)?;
        if let Recorded::Never = plan.recorded {
            plan.recorded = Recorded::Warm { failures: 0 };
        }
        Ok(asked)
    }

    /// Starts to receive the reports of a step that has been submitted.
    pub(super) fn close_step(
        &mut self,
        network: &CudaNetwork,
        plan: StepPlan,
        asked: Asked,
    ) -> Result<(), NetError> {
        let (words, lambda1) = (plan.reports.words(), network.weights.problems.lambda1());
        let slot = self.slots.receive(&network.context, words, lambda1, None)?;
        self.late.push_back(Late { asked, slot });
        self.plans.keep(plan);
        Ok(())
    }

    /// Returns the report of the earliest step in flight, if more than [`ON_THEIR_WAY`] steps are
    /// in flight or `all` reports are wanted.
    pub(super) fn next_report(
        &mut self,
        network: &CudaNetwork,
        all: bool,
    ) -> Result<Option<DeviceReport>, NetError> {
        let on_their_way = if all { 0 } else { ON_THEIR_WAY };
        if self.late.len() <= on_their_way {
            return Ok(None);
        }
        let Some(Late { asked, slot }) = self.late.pop_front() else {
            return Ok(None);
        };
        let received = self.slots.read(slot)?;
        let times = network.times(&Laps::none())?;
        Ok(Some(network.report(
            &asked,
            &received.values,
            &received.lambda1,
            times,
        )))
    }
}

/// Sends images and labels to the device.
fn send(network: &CudaNetwork, batch: &Batch, plan: &mut StepPlan) -> Result<(), NetError> {
    let (images, labels) = (Tensor::from_batch(batch)?, &batch.labels);
    let room = || StagedLabels::new(&network.context, labels.len(), network.classes());
    let sent = match &mut plan.sent {
        Some(sent) => sent,
        none => none.insert(Sent {
            images: StagedBuffer::new(&network.context, images.data().len())?,
            shape: images.shape(),
            labels: room()?,
            partners: batch.mixture.as_ref().map(|_| room()).transpose()?,
        }),
    };
    sent.labels.set(labels)?;
    if let (Some(partners), Some(mixture)) = (&mut sent.partners, &batch.mixture) {
        partners.set(&mixture.labels)?;
    }
    Ok(sent
        .images
        .refill(|numbers| numbers.copy_from_slice(images.data()))?)
}

/// The invariant that [`Pipeline::hold`] establishes.
const NOT_HELD: &str = "steps have plans as input only where the images are held";
