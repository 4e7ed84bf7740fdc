//! Inference on all images of a set. A batch is submitted while the previous one is still being
//! computed.

use std::collections::VecDeque;

use scn_data::Loader;
use scn_gpu::{PendingSolve, Reports};

use super::images::Held;
use super::laps::Laps;
use super::map::Map;
use super::network::CudaNetwork;
use super::slots::{Slot, Slots};
use crate::error::NetError;
use crate::executor::EachBatch;
use crate::feed::{Feed, InputKind, StepInput};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Number of batches in flight while the next one is submitted.
const ON_THEIR_WAY: usize = 1;

/// The state kept from one evaluation to the next.
#[derive(Debug, Default)]
pub(super) struct Evaluation {
    /// The images, if they are on the device.
    held: Option<Held>,
    slots: Slots,
}

/// A batch whose logits have not been read yet.
struct Late {
    labels: Vec<u16>,
    shape: Shape,
    solves: Vec<PendingSolve>,
    slot: Slot,
}

impl Evaluation {
    /// Calls `each` with the logits of the first batches of a loader, in order.
    pub(super) fn run(
        &mut self,
        network: &CudaNetwork,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        let Self { held, slots } = self;
        if !held.as_ref().is_some_and(|held| held.is_of(loader)) {
            *held = None;
            *held = Held::new(&network.context, loader, network.classes())?;
        }
        let kind = match held {
            Some(_) => InputKind::Plans,
            None => InputKind::Batches,
        };
        let mut late = VecDeque::new();
        for input in Feed::new(loader, kind, 0, 0).take(batches) {
            let images = match (&input, held.as_mut()) {
                (StepInput::Plan(plan), Some(held)) => {
                    held.set(plan)?;
                    held.batch(&network.context)?
                }
                (StepInput::Batch(batch) | StepInput::Part(batch, _), _) => {
                    Map::upload(&network.context, &Tensor::from_batch(batch)?)?
                }
                (StepInput::Plan(_), None) => continue,
            };
            let mut reports = network.reports()?;
            let next = ask_logits(network, images, &input, &mut reports, slots)?;
            late.push_back(next);
            if late.len() > ON_THEIR_WAY
                && let Some(first) = late.pop_front()
            {
                hand_over(network, first, slots, each)?;
            }
        }
        late.into_iter()
            .try_for_each(|late| hand_over(network, late, slots, each))
    }
}

fn ask_logits(
    network: &CudaNetwork,
    images: Map,
    input: &StepInput,
    reports: &mut Reports,
    slots: &mut Slots,
) -> Result<Late, NetError> {
    let (layers, mut laps) = (network.layers.len(), Laps::none());
    let (logits, solves) = network.ask_inference(images, layers, reports, &mut laps)?;
    let lambda1 = network.weights.problems.lambda1();
    let (words, numbers) = (reports.words(), Some(&logits.data));
    Ok(Late {
        labels: input.labels().to_vec(),
        shape: logits.shape,
        solves,
        slot: slots.receive(&network.context, words, lambda1, numbers)?,
    })
}

fn hand_over(
    network: &CudaNetwork,
    late: Late,
    slots: &mut Slots,
    each: &mut EachBatch<'_>,
) -> Result<(), NetError> {
    let received = slots.read(late.slot)?;
    let activity = network.activity(&late.solves, &received.values, &received.lambda1);
    each(
        Tensor::new(late.shape, received.logits)?,
        &late.labels,
        activity,
    )
}
