//! The input of training steps: batches, or plans from which a device makes batches itself.

use std::collections::VecDeque;
use std::ops::Range;

use scn_data::{Batch, BatchPlan, Epoch, Loader, Plans};

use crate::share::BatchShare;

/// The input of the remaining steps of an epoch.
pub(crate) enum Feed {
    Plans(Plans),
    Batches(Epoch),
    /// Parts of batches, with the number of images of each whole batch.
    Parts(Epoch, VecDeque<usize>),
}

/// The input of a step.
pub(crate) enum StepInput {
    Plan(BatchPlan),
    Batch(Batch),
    /// The part of a batch that one of several processes takes, and the number of images of the
    /// whole batch.
    Part(Batch, usize),
}

/// The kind of input that a device takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputKind {
    /// Plans of batches that the device makes itself.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(dead_code, reason = "the CPU takes whole batches")
    )]
    Plans,
    Batches,
    /// The parts of process `rank` of `count`.
    Parts {
        rank: usize,
        count: usize,
    },
}

impl Feed {
    /// Returns the input of the steps of an epoch from `first_batch` on.
    pub(crate) fn new(loader: &Loader, kind: InputKind, epoch: u64, first_batch: usize) -> Self {
        match kind {
            InputKind::Plans => Self::Plans(loader.plans(epoch, first_batch)),
            InputKind::Batches => Self::Batches(loader.epoch(epoch, first_batch)),
            InputKind::Parts { rank, count } => {
                let batches = first_batch..loader.batches();
                let images: VecDeque<usize> = batches
                    .clone()
                    .map(|batch| loader.images_of(batch))
                    .collect();
                let own = images
                    .iter()
                    .map(|&images| BatchShare::of(images, rank, count).images);
                Self::Parts(loader.parts(epoch, batches.zip(own)), images)
            }
        }
    }
}

impl Iterator for Feed {
    type Item = StepInput;

    fn next(&mut self) -> Option<StepInput> {
        match self {
            Self::Plans(plans) => plans.next().map(StepInput::Plan),
            Self::Batches(batches) => batches.next().map(StepInput::Batch),
            Self::Parts(parts, images) => {
                let part = parts.next()?;
                Some(StepInput::Part(part, images.pop_front()?))
            }
        }
    }
}

impl StepInput {
    /// Returns the weight of the images that are mixed in, or None without mixing.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(dead_code, reason = "the CPU takes whole batches")
    )]
    pub(crate) fn mixed_in(&self) -> Option<f32> {
        match self {
            Self::Plan(plan) => plan.mixture.as_ref().map(|mixture| mixture.share),
            Self::Batch(batch) | Self::Part(batch, _) => {
                batch.mixture.as_ref().map(|mixture| mixture.share)
            }
        }
    }

    /// Returns the number of images of the whole batch.
    pub(crate) fn images(&self) -> usize {
        match self {
            Self::Plan(plan) => plan.labels.len(),
            Self::Batch(batch) => batch.labels.len(),
            Self::Part(_, images) => *images,
        }
    }

    /// Returns the label of each image of this input.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(dead_code, reason = "the CPU takes whole batches")
    )]
    pub(crate) fn labels(&self) -> &[u16] {
        match self {
            Self::Plan(plan) => &plan.labels,
            Self::Batch(batch) | Self::Part(batch, _) => &batch.labels,
        }
    }

    /// Returns the input of some of these images.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(dead_code, reason = "the CPU takes its input whole")
    )]
    pub(crate) fn part(&self, images: Range<usize>) -> Self {
        match self {
            Self::Plan(plan) => Self::Plan(plan.part(images)),
            Self::Batch(batch) => Self::Batch(batch.part(images)),
            Self::Part(batch, whole) => Self::Part(batch.part(images), *whole),
        }
    }
}
