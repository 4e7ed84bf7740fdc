//! The layers of a network on the processor, and the passes through them.

use super::clock::Clock;
use super::solvers::Solvers;
use super::sparse_coding::Coding;
use super::{average_pooling, batch_norm, classifier, custom};
use crate::error::NetError;
use crate::finite::check_moments;
use crate::moments::GroupMoments;
use crate::pass::{Activations, Backward, Forward, Lap};
use crate::report::{Activity, AdjointActivity};
use crate::step::{Step, StepLayer};
use crate::tensor::Tensor;

/// What the processor keeps for a layer.
#[derive(Debug)]
pub(super) enum CpuLayer {
    SparseCoding(Box<Coding>),
    /// Its parameters are all that it needs.
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

/// Inference.
pub(super) struct Inference<'a> {
    pub(super) layers: &'a [CpuLayer],
    pub(super) steps: &'a [Step],
    pub(super) solvers: &'a Solvers,
    pub(super) clock: Clock,
}

impl Forward for Inference<'_> {
    type Map = Tensor;
    type Codes = Activity;

    fn forward(
        &mut self,
        layer: usize,
        input: Tensor,
    ) -> Result<(Tensor, Option<Activity>), NetError> {
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

/// Training.
pub(super) struct Training<'a> {
    pub(super) layers: &'a [CpuLayer],
    pub(super) steps: &'a mut [Step],
    pub(super) solvers: &'a Solvers,
    pub(super) clock: Clock,
    /// Groups of the batch.
    pub(super) groups: usize,
    /// The moments of the groups in each batch normalisation; none for other layers.
    pub(super) moments: Vec<Vec<GroupMoments>>,
}

impl Forward for Training<'_> {
    type Map = Tensor;
    type Codes = Activity;

    fn forward(
        &mut self,
        layer: usize,
        input: Tensor,
    ) -> Result<(Tensor, Option<Activity>), NetError> {
        let step = &self.steps[layer];
        match &step.layer {
            StepLayer::BatchNorm(norm) => {
                let (output, moments) = batch_norm::forward(norm, &input, self.groups);
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

impl Backward for Training<'_> {
    type Adjoint = AdjointActivity;

    fn backward(
        &mut self,
        layer: usize,
        activations: Activations<'_, Tensor>,
        dy: Tensor,
        _wanted: bool,
    ) -> Result<(Option<Tensor>, Option<AdjointActivity>), NetError> {
        let Activations { input, output } = activations;
        let Step { name, layer: kind } = &mut self.steps[layer];
        let dx = match (kind, &self.layers[layer]) {
            (StepLayer::SparseCoding(coding), CpuLayer::SparseCoding(derived)) => {
                let (dx, done) = derived.backward(coding, self.solvers, input, output, &dy)?;
                return Ok((Some(dx), Some(done)));
            }
            (StepLayer::BatchNorm(norm), _) => {
                batch_norm::backward(norm, input, &self.moments[layer], dy)
            }
            (StepLayer::Classifier(linear), _) => classifier::backward(linear, input, &dy),
            (StepLayer::Custom(own), _) => custom::backward(name, own.as_mut(), input, output, dy)?,
            (StepLayer::AveragePooling, _) => average_pooling::backward(input, &dy),
            (StepLayer::SparseCoding(_), CpuLayer::Plain) => unreachable!("{NO_PROBLEM}"),
        };
        Ok((Some(dx), None))
    }

    fn solved_again(first: &mut Activity, again: Activity) {
        first.times += again.times;
    }
}

/// What [`CpuLayer::new`] makes sure of.
const NO_PROBLEM: &str = "every sparse coding layer has a problem";

/// The output of a layer that computes the same in training and in inference.
fn execute(
    derived: &CpuLayer,
    step: &Step,
    solvers: &Solvers,
    input: &Tensor,
) -> Result<(Tensor, Option<Activity>), NetError> {
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
