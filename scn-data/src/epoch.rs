//! The batches of an epoch, made ahead of their use.

use std::iter::FusedIterator;
use std::ops::Range;
use std::panic;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use crate::batch::{Batch, BatchPlan};
use crate::maker::Maker;

/// Number of batches that wait for the reader: one to be taken at once, and one to absorb pauses. A
/// third is being made.
const AHEAD: usize = 2;

/// The batches of one epoch, in order.
///
/// A thread keeps up to two batches ready. Dropping the epoch ends the thread.
#[derive(Debug)]
pub struct Epoch {
    maker: Maker,
    /// The batches, and the images of each that are made.
    parts: Arc<[(usize, Range<usize>)]>,
    next: usize,
    /// `None` at the end, and if the system could not start a thread. Batches are then made on
    /// request.
    ahead: Option<Ahead>,
}

impl Epoch {
    /// The batches of `maker` from `first` on.
    pub(crate) fn new(maker: Maker, first: usize) -> Self {
        let parts = (first..maker.batches()).map(|batch| (batch, 0..usize::MAX));
        let parts = parts.collect();
        Self::of_parts(maker, parts)
    }

    /// Parts of the batches of `maker`.
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

/// The plans of the batches of one epoch, in order. They are cheap, and are made on request.
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

/// A thread that makes batches, and the channel that delivers them.
#[derive(Debug)]
struct Ahead {
    /// Dropped before the thread is joined, which ends the thread.
    batches: Option<Receiver<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Starts a thread for these parts; `None` if there are none, or if the system cannot start a
    /// thread.
    fn start(maker: Maker, parts: Arc<[(usize, Range<usize>)]>) -> Option<Self> {
        if parts.is_empty() {
            return None;
        }
        let (sender, batches) = sync_channel(AHEAD);
        let thread = thread::Builder::new()
            .name("scn-data-batches".to_owned())
            .spawn(move || {
                for (batch, images) in parts.iter() {
                    // The reader is gone.
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

    /// Receives the next batch; `None` if there are no more.
    fn receive(&mut self) -> Option<Batch> {
        let batch = self.batches.as_ref()?.recv().ok();
        // A thread that ends early is a defect of this crate. Hiding its panic would hide the
        // defect.
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
        // The receiver is dropped first. A thread that waits for room in the channel then sees that
        // nobody reads.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // If the thread has panicked, it was over a batch that nobody requested.
            let _ = thread.join();
        }
    }
}
