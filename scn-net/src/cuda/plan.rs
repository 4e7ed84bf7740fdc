//! Memory for steps on batches of one size, and recorded steps.

use scn_gpu::{Buffer, GradientSums, Graph, Reports, StagedBuffer, StagedLabels};

use super::asked::Asked;
use super::contexts::BatchMoments;
use super::network::CudaNetwork;
use super::share::Share;
use crate::error::NetError;
use crate::shape::Shape;

/// Memory for steps on batches of one size.
#[derive(Debug)]
pub(super) struct StepPlan {
    pub(super) share: Share,
    pub(super) kind: StepKind,
    pub(super) reports: Reports,
    pub(super) moments: BatchMoments,
    /// The weights of the rows of moments.
    pub(super) weights: Buffer<f32>,
    pub(super) sums: GradientSums,
    /// The input sent for each step, unless the images are on the device.
    pub(super) sent: Option<Sent>,
    pub(super) recorded: Recorded,
}

/// The optional operations of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StepKind {
    /// Whether images and labels are mixed.
    pub(super) mixes: bool,
    /// Whether gradients are clipped.
    pub(super) clips: bool,
    /// Whether arrays are averaged.
    pub(super) averages: bool,
}

/// Images and labels that the host sends for each step.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) images: StagedBuffer<f32>,
    pub(super) shape: Shape,
    pub(super) labels: StagedLabels,
    /// The labels of the images that are mixed in.
    pub(super) partners: Option<StagedLabels>,
}

/// The state of recording the steps of a plan.
#[derive(Debug, Default)]
pub(super) enum Recorded {
    /// The next step runs without recording, and leaves behind the memory that a recording needs.
    #[default]
    Never,
    /// A step has run without recording. Since then, `failures` recordings have failed for lack of
    /// memory.
    Warm { failures: u32 },
    /// Every step is one launch.
    Graph { graph: Graph, asked: Asked },
    /// Recording has been given up, and steps run without it.
    GivenUp,
}

/// Plans for the batch sizes used so far, the latest first.
#[derive(Debug, Default)]
pub(super) struct Plans(Vec<StepPlan>);

impl Plans {
    /// Returns the plan for a share of a batch, mixed or not, with the current settings of the
    /// network. Creates a plan if there is none.
    pub(super) fn take(
        &mut self,
        network: &CudaNetwork,
        share: Share,
        mixes: bool,
    ) -> Result<StepPlan, NetError> {
        /// Plans kept for full batches, the last batch of an epoch, and the shares of several
        /// devices.
        const MOST: usize = 4;
        let kind = StepKind {
            mixes,
            clips: network.clips,
            averages: network.averaging,
        };
        let fits = |plan: &StepPlan| plan.share == share && plan.kind == kind;
        if let Some(index) = self.0.iter().position(fits) {
            return Ok(self.0.remove(index));
        }
        self.0.truncate(MOST - 1);
        StepPlan::new(network, share, kind)
    }

    /// Keeps a plan for the next step.
    pub(super) fn keep(&mut self, plan: StepPlan) {
        self.0.insert(0, plan);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl StepPlan {
    fn new(network: &CudaNetwork, share: Share, kind: StepKind) -> Result<Self, NetError> {
        let (context, weights) = (&network.context, &network.weights);
        let windows = network.windows(share.images)?;
        let stride = weights.running.len();
        Ok(Self {
            reports: network.reports()?,
            moments: BatchMoments {
                rows: context.zeros(share.rows * stride)?,
                stride,
                groups: share.groups,
            },
            weights: context.upload(&share.weights)?,
            sums: GradientSums::new(context, &weights.problems, &windows)?,
            share,
            kind,
            sent: None,
            recorded: Recorded::default(),
        })
    }
}
