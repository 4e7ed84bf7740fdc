//! The batches of an epoch, made ahead of their use.

use std::iter::FusedIterator;
use std::ops::Range;
use std::panic;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use crate::batch::{Batch, BatchPlan};
use crate::maker::Maker;

/// Batches that wait for the reader: one to be taken at once and one to level out pauses. A third
/// is in the making.
const AHEAD: usize = 2;

/// The batches of one epoch, in order.
///
/// A thread makes up to two batches in advance; dropping the epoch ends it.
#[derive(Debug)]
pub struct Epoch {
    maker: Maker,
    /// The batches, and which images of each are made.
    parts: Arc<[(usize, Range<usize>)]>,
    next: usize,
    /// Absent at the end, and if the system gave no thread: batches are then made when asked for.
    ahead: Option<Ahead>,
}

impl Epoch {
    /// The batches of `maker` from `first` on.
    pub(crate) fn new(maker: Maker, first: usize) -> Self {
        let parts = (first..maker.batches()).map(|batch| (batch, 0..usize::MAX));
        let parts = parts.collect();
        Self::of_parts(maker, parts)
    }

    /// Some images of some batches of `maker`.
    pub(crate) fn of_parts(maker: Maker, parts: Vec<(usize, Range<usize>)>) -> Self {
        let parts: Arc<[_]> = parts.into();
        Self {
            ahead: Ahead::start(maker.clone(), Arc::clone(&parts)),
            maker,
            parts,
            next: 0,
        }
    }
}

impl Iterator for Epoch {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let Some((batch, images)) = self.parts.get(self.next) else {
            self.ahead = None;
            return None;
        };
        self.next += 1;
        let received = self.ahead.as_mut().and_then(Ahead::receive);
        Some(received.unwrap_or_else(|| self.maker.part(*batch, images.clone())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.parts.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Epoch {}
impl FusedIterator for Epoch {}

/// The plans of the batches of one epoch, in order. They are cheap, and made when asked for.
#[derive(Debug, Clone)]
pub struct Plans {
    maker: Maker,
    next: usize,
}

impl Plans {
    /// The plans of `maker` from batch `first` on.
    pub(crate) fn new(maker: Maker, first: usize) -> Self {
        Self {
            next: first.min(maker.batches()),
            maker,
        }
    }
}

impl Iterator for Plans {
    type Item = BatchPlan;

    fn next(&mut self) -> Option<BatchPlan> {
        if self.next == self.maker.batches() {
            return None;
        }
        let index = self.next;
        self.next += 1;
        Some(self.maker.plan(index))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.maker.batches() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Plans {}
impl FusedIterator for Plans {}

/// A thread that makes batches, and the way they come.
#[derive(Debug)]
struct Ahead {
    /// Given up before the thread is waited for, which ends it.
    batches: Option<Receiver<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Starts on these; nothing if there are none, or the system has no thread left.
    fn start(maker: Maker, parts: Arc<[(usize, Range<usize>)]>) -> Option<Self> {
        if parts.is_empty() {
            return None;
        }
        let (sender, batches) = sync_channel(AHEAD);
        let thread = thread::Builder::new()
            .name("scn-data-batches".to_owned())
            .spawn(move || {
                for (batch, images) in parts.iter() {
                    // A reader that is gone wants no more batches.
                    if sender.send(maker.part(*batch, images.clone())).is_err() {
                        break;
                    }
                }
            });
        Some(Self {
            batches: Some(batches),
            thread: Some(thread.ok()?),
        })
    }

    /// The next batch; nothing if there is no more to come.
    fn receive(&mut self) -> Option<Batch> {
        let batch = self.batches.as_ref()?.recv().ok();
        // A thread that ended early would be a defect here; hiding its panic would hide the defect.
        if batch.is_none()
            && let Some(Err(payload)) = self.thread.take().map(JoinHandle::join)
        {
            panic::resume_unwind(payload);
        }
        batch
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // First the receiver: a thread that waits for room in the channel then sees that nobody
        // reads.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, was of a batch that nobody asked for.
            let _ = thread.join();
        }
    }
}
