//! What training steps are fed with: batches, or what is in them where a device makes them itself.

use scn_data::{Batch, BatchPlan, Epoch, Loader, Plans};

/// The rest of an epoch.
pub(crate) enum Feed {
    Plans(Plans),
    Batches(Epoch),
}

/// The images of a step.
pub(crate) enum Fed {
    Plan(BatchPlan),
    Batch(Batch),
}

impl Feed {
    /// The batches of an epoch from `first_batch` on; plans only, if that is what is wanted.
    pub(crate) fn new(loader: &Loader, plans: bool, epoch: u64, first_batch: usize) -> Self {
        if plans {
            Self::Plans(loader.plans(epoch, first_batch))
        } else {
            Self::Batches(loader.epoch(epoch, first_batch))
        }
    }
}

impl Iterator for Feed {
    type Item = Fed;

    fn next(&mut self) -> Option<Fed> {
        match self {
            Self::Plans(plans) => plans.next().map(Fed::Plan),
            Self::Batches(batches) => batches.next().map(Fed::Batch),
        }
    }
}

impl Fed {
    /// The share of the images that are mixed in; None where none are.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(dead_code, reason = "the processor takes whole batches")
    )]
    pub(crate) fn share(&self) -> Option<f32> {
        match self {
            Self::Plan(plan) => plan.mixture.as_ref().map(|mixture| mixture.share),
            Self::Batch(batch) => batch.mixture.as_ref().map(|mixture| mixture.share),
        }
    }

    /// The label of each image.
    pub(crate) fn labels(&self) -> &[u16] {
        match self {
            Self::Plan(plan) => &plan.labels,
            Self::Batch(batch) => &batch.labels,
        }
    }
}
