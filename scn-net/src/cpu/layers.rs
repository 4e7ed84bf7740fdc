//! The layers of a network on the CPU, and the passes through them.

use std::ops::Range;

use scn_grad::{AdjointSums, MaskedReport};
use scn_solvers::processes::Processes;

use super::clock::Clock;
use super::solvers::Solvers;
use super::sparse_coding::Coding;
use super::{average_pooling, batch_norm, classifier, custom};
use crate::error::NetError;
use crate::finite::check_moments;
use crate::moments::GroupMoments;
use crate::ops::batch_norm::Grouped;
use crate::pass::{Activations, Backward, Forward, Lap};
use crate::report::SolveCounts;
use crate::share::{BatchShare, OwnNode, PendingSums, SharedSums, add_each};
use crate::step::{Step, StepLayer};
use crate::tensor::Tensor;

/// The state that the CPU keeps for a layer.
#[derive(Debug)]
pub(super) enum CpuLayer {
    SparseCoding(Box<Coding>),
    /// A layer that needs only its parameters.
    Plain,
}

impl CpuLayer {
    pub(super) fn new(step: &Step) -> Result<Self, NetError> {
        Ok(match &step.layer {
            StepLayer::SparseCoding(layer) => {
                Self::SparseCoding(Box::new(Coding::new(&step.name, layer)?))
            }
            _ => Self::Plain,
        })
    }
}

/// An inference pass.
pub(super) struct Inference<'a> {
    pub(super) layers: &'a [CpuLayer],
    pub(super) steps: &'a [Step],
    pub(super) solvers: &'a Solvers,
    pub(super) clock: Clock,
}

impl Forward for Inference<'_> {
    type Map = Tensor;
    type Codes = SolveCounts;

    fn forward(
        &mut self,
        layer: usize,
        input: Tensor,
    ) -> Result<(Tensor, Option<SolveCounts>), NetError> {
        match &self.steps[layer].layer {
            StepLayer::BatchNorm(norm) => Ok((batch_norm::infer(norm, input), None)),
            _ => execute(
                &self.layers[layer],
                &self.steps[layer],
                self.solvers,
                &input,
            ),
        }
    }

    fn begin(&mut self) -> Result<(), NetError> {
        self.clock.begin();
        Ok(())
    }

    fn end(&mut self, lap: Lap) -> Result<(), NetError> {
        self.clock.end(lap);
        Ok(())
    }
}

/// The part of a batch that a process takes.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) share: BatchShare,
    /// The sum over all images.
    pub(super) whole: SharedSums,
    /// The sums over the groups.
    groups: SharedSums,
    /// The images of each node that this process adds up, counted from the first image of the
    /// process.
    nodes: Vec<Range<usize>>,
}

impl Part {
    /// Returns the part that this process takes of `images` images in `groups` groups.
    pub(super) fn new(images: usize, groups: usize, processes: &dyn Processes) -> Self {
        let share = BatchShare::of(images, processes.rank(), processes.count());
        let whole = share.sum();
        let first = share.images.start;
        let nodes = whole.own_nodes().iter().map(|node| {
            let images = whole.images(node);
            images.start - first..images.end - first
        });
        Self {
            nodes: nodes.collect(),
            groups: share.group_sums(groups),
            share,
            whole,
        }
    }

    fn grouped<'a>(&'a self, processes: &'a dyn Processes) -> Grouped<'a> {
        Grouped {
            sums: &self.groups,
            first: self.share.images.start,
            processes,
        }
    }

    /// Returns the gradients of the classifier over each node, one node after the other.
    fn classifier_sums(&self, input: &Tensor, dy: &Tensor) -> Vec<f32> {
        let first = self.share.images.start;
        let of_node = |node: &OwnNode| {
            let of_leaf = |leaf| {
                let images = self.whole.leaf(node.tree, leaf);
                classifier::gradients(input, dy, images.start - first..images.end - first)
            };
            let add = |sums: &mut Vec<f32>, others: Vec<f32>| add_each(sums, &others);
            self.whole.sum(node, of_leaf, add).unwrap_or_default()
        };
        self.whole.own_nodes().iter().flat_map(of_node).collect()
    }
}

/// A training pass.
pub(super) struct Training<'a> {
    pub(super) layers: &'a [CpuLayer],
    pub(super) steps: &'a mut [Step],
    pub(super) solvers: &'a Solvers,
    pub(super) clock: Clock,
    /// The part of the batch that this process takes.
    pub(super) part: &'a Part,
    pub(super) processes: &'a dyn Processes,
    /// The gradients of layers, whose sums over all images may not be complete yet.
    pub(super) pending: Vec<(usize, PendingSums<'a, f32>)>,
    /// The moments of the groups in each batch normalisation; empty for other layers.
    pub(super) moments: Vec<Vec<GroupMoments>>,
}

impl Forward for Training<'_> {
    type Map = Tensor;
    type Codes = SolveCounts;

    fn forward(
        &mut self,
        layer: usize,
        input: Tensor,
    ) -> Result<(Tensor, Option<SolveCounts>), NetError> {
        let step = &self.steps[layer];
        match &step.layer {
            StepLayer::BatchNorm(norm) => {
                let (output, moments) =
                    batch_norm::forward(norm, &input, self.part.grouped(self.processes))?;
                check_moments(&step.name, &moments)?;
                self.moments[layer] = moments;
                Ok((output, None))
            }
            _ => execute(&self.layers[layer], step, self.solvers, &input),
        }
    }

    fn begin(&mut self) -> Result<(), NetError> {
        self.clock.begin();
        Ok(())
    }

    fn end(&mut self, lap: Lap) -> Result<(), NetError> {
        self.clock.end(lap);
        Ok(())
    }
}

impl Training<'_> {
    /// Starts to add up the gradients of a layer over all processes, given `width` numbers per
    /// node.
    fn add_up(&mut self, layer: usize, numbers: &[f32], width: usize) -> Result<(), NetError> {
        let pending = self.part.whole.begin(self.processes, numbers, width)?;
        self.pending.push((layer, pending));
        Ok(())
    }

    /// Waits for the sums over all processes, and adds them to the gradients of the layers.
    ///
    /// # Errors
    /// Returns an error if a process fails.
    pub(super) fn finish(&mut self) -> Result<(), NetError> {
        for (layer, pending) in std::mem::take(&mut self.pending) {
            // Without images there are no gradients.
            let Some(sums) = pending
                .wait(add_each)?
                .pop()
                .filter(|sums| !sums.is_empty())
            else {
                continue;
            };
            match (&mut self.steps[layer].layer, &self.layers[layer]) {
                (StepLayer::SparseCoding(coding), CpuLayer::SparseCoding(derived)) => {
                    derived.finish(coding, sums)?;
                }
                (StepLayer::Classifier(linear), _) => classifier::finish(linear, &sums),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Backward for Training<'_> {
    type Adjoint = MaskedReport;

    fn backward(
        &mut self,
        layer: usize,
        activations: Activations<'_, Tensor>,
        dy: Tensor,
        _wanted: bool,
    ) -> Result<(Option<Tensor>, Option<MaskedReport>), NetError> {
        let Activations { input, output } = activations;
        let part = self.part;
        let grouped = part.grouped(self.processes);
        let Step { name, layer: kind } = &mut self.steps[layer];
        let dx = match (kind, &self.layers[layer]) {
            (StepLayer::SparseCoding(coding), CpuLayer::SparseCoding(derived)) => {
                let nodes = &part.nodes;
                let (dx, sums, counts) =
                    derived.backward(coding, self.solvers, input, output, &dy, nodes)?;
                let numbers: Vec<f32> = sums
                    .iter()
                    .flat_map(AdjointSums::numbers)
                    .copied()
                    .collect();
                self.add_up(layer, &numbers, derived.sums())?;
                return Ok((Some(dx), Some(counts)));
            }
            (StepLayer::Classifier(linear), _) => {
                let dx = classifier::backward(linear, input, &dy);
                let width = classifier::sums(linear);
                let numbers = part.classifier_sums(input, &dy);
                self.add_up(layer, &numbers, width)?;
                dx
            }
            (StepLayer::BatchNorm(norm), _) => {
                batch_norm::backward(norm, input, grouped, &self.moments[layer], dy)?
            }
            (StepLayer::Custom(own), _) => custom::backward(name, own.as_mut(), input, output, dy)?,
            (StepLayer::AveragePooling, _) => average_pooling::backward(input, &dy),
            (StepLayer::SparseCoding(_), CpuLayer::Plain) => unreachable!("{NO_PROBLEM}"),
        };
        Ok((Some(dx), None))
    }

    fn solved_again(first: &mut SolveCounts, again: SolveCounts) {
        first.times += again.times;
    }
}

/// The invariant that [`CpuLayer::new`] establishes.
const NO_PROBLEM: &str = "every sparse coding layer has a problem";

/// Returns the output of a layer that computes the same in training and in inference.
fn execute(
    derived: &CpuLayer,
    step: &Step,
    solvers: &Solvers,
    input: &Tensor,
) -> Result<(Tensor, Option<SolveCounts>), NetError> {
    let output = match (&step.layer, derived) {
        (StepLayer::SparseCoding(layer), CpuLayer::SparseCoding(coding)) => {
            let (codes, activity) = coding.forward(layer, solvers, input)?;
            return Ok((codes, Some(activity)));
        }
        (StepLayer::AveragePooling, _) => average_pooling::forward(input),
        (StepLayer::Classifier(layer), _) => classifier::forward(layer, input),
        (StepLayer::Custom(layer), _) => custom::forward(&step.name, layer.as_ref(), input)?,
        (StepLayer::BatchNorm(layer), _) => batch_norm::infer(layer, input.clone()),
        (StepLayer::SparseCoding(_), CpuLayer::Plain) => unreachable!("{NO_PROBLEM}"),
    };
    Ok((output, None))
}
