//! Results received from a device while it continues to work.

use scn_gpu::{Buffer, Context, PinnedBuffer, ReportValues, View};

use crate::error::NetError;

/// Page-locked memory for the reports of a batch, the λ1 that it was solved with, and in inference
/// its logits.
#[derive(Debug)]
pub(super) struct Slot {
    words: PinnedBuffer<u64>,
    lambda1: PinnedBuffer<f32>,
    logits: PinnedBuffer<f32>,
}

/// The results that a slot has received.
pub(super) struct Received {
    pub(super) values: ReportValues,
    pub(super) lambda1: Vec<f32>,
    pub(super) logits: Vec<f32>,
}

/// Slots that are free for reuse.
#[derive(Debug, Default)]
pub(super) struct Slots {
    idle: Vec<Slot>,
}

impl Slots {
    /// Starts to receive, without waiting.
    pub(super) fn receive(
        &mut self,
        context: &Context,
        words: View<'_, u64>,
        lambda1: View<'_, f32>,
        logits: Option<&Buffer<f32>>,
    ) -> Result<Slot, NetError> {
        let lens = [words.len(), lambda1.len(), logits.map_or(0, Buffer::len)];
        let fits = |slot: &Slot| slot.lens() == lens;
        let mut slot = match self.idle.iter().position(fits) {
            Some(index) => self.idle.swap_remove(index),
            None => Slot {
                words: PinnedBuffer::new(context, lens[0])?,
                lambda1: PinnedBuffer::new(context, lens[1])?,
                logits: PinnedBuffer::new(context, lens[2])?,
            },
        };
        slot.words.receive(words)?;
        slot.lambda1.receive(lambda1)?;
        if let Some(logits) = logits {
            slot.logits.receive(logits.view())?;
        }
        Ok(slot)
    }

    /// Waits for the results of a slot, and keeps the slot for reuse.
    pub(super) fn read(&mut self, mut slot: Slot) -> Result<Received, NetError> {
        let received = Received {
            values: ReportValues::new(slot.words.values()?.to_vec()),
            lambda1: slot.lambda1.values()?.to_vec(),
            logits: slot.logits.values()?.to_vec(),
        };
        self.idle.push(slot);
        Ok(received)
    }
}

impl Slot {
    fn lens(&self) -> [usize; 3] {
        [self.words.len(), self.lambda1.len(), self.logits.len()]
    }
}
