//! Memory for steps with batches of one size, and steps that have been recorded.

use scn_gpu::{Buffer, GradientSums, Graph, Reports, StagedBuffer, StagedLabels};

use super::asked::Asked;
use super::contexts::BatchMoments;
use super::network::CudaNetwork;
use super::share::Share;
use crate::error::NetError;
use crate::shape::Shape;

/// Memory for steps with batches of one size.
#[derive(Debug)]
pub(super) struct StepPlan {
    pub(super) share: Share,
    pub(super) kind: StepKind,
    pub(super) reports: Reports,
    pub(super) moments: BatchMoments,
    /// How the rows of moments count.
    pub(super) weights: Buffer<f32>,
    pub(super) sums: GradientSums,
    /// What is sent for each step, unless the images are on the device.
    pub(super) sent: Option<Sent>,
    pub(super) recorded: Recorded,
}

/// What a step does beside what every step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StepKind {
    /// Mixes images and labels.
    pub(super) mixes: bool,
    /// Clips gradients.
    pub(super) clips: bool,
    /// Averages arrays.
    pub(super) averages: bool,
}

/// Images and labels that this machine sends for each step.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) images: StagedBuffer<f32>,
    pub(super) shape: Shape,
    pub(super) labels: StagedLabels,
    /// Of the images that are mixed in.
    pub(super) partners: Option<StagedLabels>,
}

/// How far the recording of a plan's steps has come.
#[derive(Debug, Default)]
pub(super) enum Recorded {
    /// The next step is done without recording, and leaves the memory behind that a recording
    /// needs.
    #[default]
    Never,
    /// That has been done; so often a recording has failed for lack of memory since.
    Warm { failures: u32 },
    /// Every step is one launch.
    Graph { graph: Graph, asked: Asked },
    /// Recording has been given up: steps are done without.
    GivenUp,
}

/// Plans for the sizes of batches there have been, the latest first.
#[derive(Debug, Default)]
pub(super) struct Plans(Vec<StepPlan>);

impl Plans {
    /// The plan for a share of a batch that is mixed or not, on the network as it is set: the one
    /// that is there, or a new one.
    pub(super) fn take(
        &mut self,
        network: &CudaNetwork,
        share: Share,
        mixes: bool,
    ) -> Result<StepPlan, NetError> {
        /// The batches of an epoch, its last one, and those of several devices.
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
