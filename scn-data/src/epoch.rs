//! The batches of an epoch, made ahead of their use.

use std::iter::FusedIterator;
use std::panic;
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
    next: usize,
    /// Absent at the end, and if the system gave no thread: batches are then made when asked for.
    ahead: Option<Ahead>,
}

impl Epoch {
    /// The batches of `maker` from `first` on.
    pub(crate) fn new(maker: Maker, first: usize) -> Self {
        let next = first.min(maker.batches());
        Self {
            ahead: Ahead::start(maker.clone(), next),
            maker,
            next,
        }
    }
}

impl Iterator for Epoch {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.next == self.maker.batches() {
            self.ahead = None;
            return None;
        }
        let index = self.next;
        self.next += 1;
        let received = self.ahead.as_mut().and_then(Ahead::receive);
        Some(received.unwrap_or_else(|| self.maker.batch(index)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.maker.batches() - self.next;
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
    /// Starts on batch `first`; nothing if that is beyond the last, or the system has no thread
    /// left.
    fn start(maker: Maker, first: usize) -> Option<Self> {
        let end = maker.batches();
        if first == end {
            return None;
        }
        let (sender, batches) = sync_channel(AHEAD);
        let thread = thread::Builder::new()
            .name("scn-data-batches".to_owned())
            .spawn(move || {
                for index in first..end {
                    // A reader that is gone wants no more batches.
                    if sender.send(maker.batch(index)).is_err() {
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
