//! Steps of training that follow each other without anybody waiting: a step is asked for while the one before is still being computed, and
//! reports are read one step late.

use std::collections::VecDeque;
use std::sync::Arc;

use scn_data::Loader;
use scn_gpu::{GpuError, Graph, StagedBuffer, StagedLabels};

use super::images::Held;
use super::laps::Laps;
use super::slots::{Slot, Slots};
use super::step::{Asked, Share, StepPlan};
use super::{CudaReplica, Map};
use crate::NetError;
use crate::feed::Fed;
use crate::replica::Done;
use crate::tensor::{Shape, Tensor};

/// Steps that are on their way.
const ON_THEIR_WAY: usize = 1;

/// What steps in a row need beside the plan of each.
#[derive(Debug, Default)]
pub(super) struct Pipeline {
    /// The training images, if they are on the device.
    pub(super) held: Option<Held>,
    late: VecDeque<Late>,
    slots: Slots,
}

/// A step whose reports are on their way.
#[derive(Debug)]
struct Late {
    asked: Asked,
    slot: Slot,
}

/// Images and labels that this machine sends for each step.
#[derive(Debug)]
pub(super) struct Sent {
    images: StagedBuffer<f32>,
    shape: Shape,
    labels: StagedLabels,
}

/// How far the recording of a plan's steps has come.
#[derive(Debug, Default)]
pub(super) enum Recorded {
    /// The next step is done without recording, and leaves the memory behind that a recording needs.
    #[default]
    Never,
    /// That has been done; so often a recording has failed for lack of memory since.
    Warm { failures: u32 },
    /// Every step is one launch.
    Graph { graph: Graph, asked: Asked },
    /// Steps are done without recording.
    Given,
}

impl CudaReplica {
    /// Brings the images of a loader here, if they fit: then steps can be fed with plans.
    pub(super) fn hold_images(&mut self, loader: &Loader) -> Result<bool, NetError> {
        // What an earlier run has left behind that failed.
        self.pipeline.late.clear();
        let there = |held: &Held| held.is_of(loader);
        if !self.pipeline.held.as_ref().is_some_and(there) {
            // Recorded steps read the set that was there.
            self.plans.clear();
            self.pipeline.held = None;
            self.pipeline.held = Held::new(&self.context, loader, self.classes())?;
        }
        Ok(self.pipeline.held.is_some())
    }

    /// Names the images of the next step, or sends them.
    pub(super) fn feed(&mut self, fed: &Fed, plan: &mut StepPlan) -> Result<(), NetError> {
        match fed {
            Fed::Plan(batch) => {
                let held = self.pipeline.held.as_mut();
                plan.sent = None;
                held.ok_or_else(not_held)?.set(batch)
            }
            Fed::Batch(batch) => self.send(&Tensor::from_batch(batch)?, &batch.labels, plan),
        }
    }

    /// Sends images and labels.
    pub(super) fn send(
        &self,
        images: &Tensor,
        labels: &[u16],
        plan: &mut StepPlan,
    ) -> Result<(), NetError> {
        let sent = match &mut plan.sent {
            Some(sent) => sent,
            none => none.insert(Sent {
                images: StagedBuffer::new(&self.context, images.data().len())?,
                shape: images.shape(),
                labels: StagedLabels::new(&self.context, labels.len(), self.classes())?,
            }),
        };
        sent.labels.set(labels)?;
        Ok(sent
            .images
            .refill(|places| places.copy_from_slice(images.data()))?)
    }

    /// The gradients of the images that have been named or sent.
    pub(super) fn ask_fed_gradients(&mut self, plan: &mut StepPlan) -> Result<Asked, NetError> {
        let mut laps = Laps::none();
        match plan.sent.take() {
            Some(sent) => {
                let mut map = Map::unspecified(&self.context, sent.shape)?;
                map.data.copy_from(sent.images.view())?;
                let asked = self.ask_gradients(Arc::new(map), sent.labels.view(), plan, &mut laps);
                plan.sent = Some(sent);
                asked
            }
            None => {
                let held = self.pipeline.held.take().ok_or_else(not_held)?;
                let asked = held.batch(&self.context).and_then(|map| {
                    let labels = held.picks.labels(held.picks.len())?;
                    self.ask_gradients(Arc::new(map), labels, plan, &mut laps)
                });
                self.pipeline.held = Some(held);
                asked
            }
        }
    }

    /// A whole step with the images that have been named or sent.
    fn ask_step(&mut self, plan: &mut StepPlan) -> Result<Asked, NetError> {
        let asked = self.ask_fed_gradients(plan)?;
        self.ask_own_moments(plan)?;
        self.ask_descent()?;
        Ok(asked)
    }

    /// A whole step, as one launch where it has been recorded.
    pub(super) fn step(&mut self, fed: &Fed, groups: usize) -> Result<(), NetError> {
        let mut plan = self.take_plan(Share::whole(fed.labels().len(), groups))?;
        self.feed(fed, &mut plan)?;
        let asked = self.start_step(&mut plan)?;
        self.close_step(plan, asked)
    }

    fn start_step(&mut self, plan: &mut StepPlan) -> Result<Asked, NetError> {
        /// Memory that another step has taken meanwhile is left behind by it.
        const MOST_FAILURES: u32 = 3;
        if !self.context.uses_graphs() || self.context.is_timed() {
            return self.ask_step(plan);
        }
        if let Recorded::Warm { failures } = plan.recorded {
            let context = self.context.clone();
            plan.recorded = match context.capture(|| self.ask_step(plan)) {
                Ok((graph, asked)) => Recorded::Graph { graph, asked },
                Err(NetError::Gpu(GpuError::Capture(_))) if failures < MOST_FAILURES => {
                    Recorded::Warm {
                        failures: failures + 1,
                    }
                }
                Err(NetError::Gpu(GpuError::Capture(_))) => Recorded::Given,
                Err(error) => return Err(error),
            };
        }
        if let Recorded::Graph { graph, asked } = &plan.recorded {
            graph.launch()?;
            return Ok(asked.clone());
        }
        let asked = self.ask_step(plan)?;
        if let Recorded::Never = plan.recorded {
            plan.recorded = Recorded::Warm { failures: 0 };
        }
        Ok(asked)
    }

    /// Begins to receive the reports of a step that has been asked for.
    pub(super) fn close_step(&mut self, plan: StepPlan, asked: Asked) -> Result<(), NetError> {
        let (words, lambda1) = (plan.reports.words(), self.weights.problems.lambda1());
        let slots = &mut self.pipeline.slots;
        let slot = slots.receive(&self.context, words, lambda1, None)?;
        self.pipeline.late.push_back(Late { asked, slot });
        self.keep_plan(plan);
        Ok(())
    }

    /// The reports of the earliest step on its way, if there are more than those that may be, or `all` are wanted.
    pub(super) fn next_report(&mut self, all: bool) -> Result<Option<Done>, NetError> {
        let on_their_way = if all { 0 } else { ON_THEIR_WAY };
        if self.pipeline.late.len() <= on_their_way {
            return Ok(None);
        }
        let Some(Late { asked, slot }) = self.pipeline.late.pop_front() else {
            return Ok(None);
        };
        let received = self.pipeline.slots.read(slot)?;
        let times = self.times(&Laps::none())?;
        Ok(Some(self.done(
            &asked,
            &received.values,
            &received.lambda1,
            times,
        )))
    }
}

fn not_held() -> NetError {
    NetError::Input {
        layer: "a step on the device".to_string(),
        expected: "a set of images there".to_string(),
        found: "none".to_string(),
    }
}
