//! Inference on all images of a set: a batch is asked for while the one before is still being computed.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use scn_data::Loader;
use scn_gpu::{PendingSolve, Reports};

use super::images::Held;
use super::laps::Laps;
use super::slots::{Slot, Slots};
use super::step::Forward;
use super::{CudaReplica, Map};
use crate::NetError;
use crate::feed::{Fed, Feed};
use crate::network::EachBatch;
use crate::tensor::{Shape, Tensor};

/// Batches that are on their way.
const ON_THEIR_WAY: usize = 1;

/// What is kept from one evaluation to the next.
#[derive(Debug, Default)]
pub(super) struct Evaluation {
    /// The images, if they are on the device.
    held: Option<Held>,
    slots: Slots,
}

/// A batch whose logits are on their way.
struct Late {
    labels: Vec<u16>,
    shape: Shape,
    solves: Vec<PendingSolve>,
    slot: Slot,
}

impl CudaReplica {
    /// Hands over the logits of the first batches of a loader, in order.
    pub(super) fn evaluate(
        &self,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        let evaluation = self.evaluation.lock();
        let mut evaluation = evaluation.unwrap_or_else(PoisonError::into_inner);
        let Evaluation { held, slots } = &mut *evaluation;
        if !held.as_ref().is_some_and(|held| held.is_of(loader)) {
            *held = None;
            *held = Held::new(&self.context, loader, self.classes())?;
        }
        let mut late = VecDeque::new();
        for fed in Feed::new(loader, held.is_some(), 0, 0).take(batches) {
            let images = match (&fed, held.as_mut()) {
                (Fed::Plan(plan), Some(held)) => {
                    held.set(plan)?;
                    held.batch(&self.context)?
                }
                (Fed::Batch(batch), _) => Map::upload(&self.context, &Tensor::from_batch(batch)?)?,
                (Fed::Plan(_), None) => continue,
            };
            let mut reports = self.reports()?;
            let next = self.ask_logits(images, &fed, &mut reports, slots)?;
            late.push_back(next);
            if late.len() > ON_THEIR_WAY
                && let Some(first) = late.pop_front()
            {
                self.hand_over(first, slots, each)?;
            }
        }
        late.into_iter()
            .try_for_each(|late| self.hand_over(late, slots, each))
    }

    fn ask_logits(
        &self,
        images: Map,
        fed: &Fed,
        reports: &mut Reports,
        slots: &mut Slots,
    ) -> Result<Late, NetError> {
        let Forward { logits, solves, .. } =
            self.forward(Arc::new(images), reports, None, &mut Laps::none())?;
        let lambda1 = self.weights.problems.lambda1();
        Ok(Late {
            labels: fed.labels().to_vec(),
            shape: logits.shape,
            solves,
            slot: slots.receive(&self.context, reports.words(), lambda1, Some(&logits.data))?,
        })
    }

    fn hand_over(
        &self,
        late: Late,
        slots: &mut Slots,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        let received = slots.read(late.slot)?;
        let activity = self.activity(&late.solves, &received.values, &received.lambda1);
        each(
            Tensor::new(late.shape, received.logits)?,
            &late.labels,
            activity,
        )
    }
}
