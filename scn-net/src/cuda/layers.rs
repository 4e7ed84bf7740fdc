//! The layers of a network on a device, and the passes through them.

use std::ops::Range;
use std::sync::Arc;

use scn_gpu::{GradientSums, PendingSolve, Reports};

use super::average_pooling;
use super::batch_norm::Norm;
use super::classifier::Classifier;
use super::contexts::{BackwardContext, BatchMoments, ForwardContext};
use super::inventory::Inventory;
use super::laps::Laps;
use super::map::Map;
use super::solver_settings::SolverSettings;
use super::sparse_coding::Coding;
use super::weights::Weights;
use crate::error::NetError;
use crate::pass::{Activations, Backward, Forward, Lap};
use crate::shape::Shape;
use crate::step::{Step, StepLayer};

/// A layer on the device, with the places of its arrays among those of all layers.
#[derive(Debug)]
pub(super) enum CudaLayer {
    SparseCoding(Coding),
    BatchNorm(Norm),
    AveragePooling,
    Classifier(Classifier),
}

/// The location of an array of a layer.
#[derive(Debug, Clone)]
pub(super) enum Location {
    /// An index among the parameters.
    Parameter(usize),
    /// A range of a row of moments.
    Moments(Range<usize>),
}

impl CudaLayer {
    /// Reserves places for the layer in the inventory.
    ///
    /// # Errors
    /// Returns [`NetError::CpuOnly`] for a custom layer.
    pub(super) fn new(step: &Step, inventory: &mut Inventory) -> Result<Self, NetError> {
        Ok(match &step.layer {
            StepLayer::SparseCoding(layer) => Self::SparseCoding(Coding::new(layer, inventory)),
            StepLayer::BatchNorm(layer) => Self::BatchNorm(Norm::new(layer, inventory)),
            StepLayer::AveragePooling => Self::AveragePooling,
            StepLayer::Classifier(layer) => Self::Classifier(Classifier::new(layer, inventory)),
            StepLayer::Custom(_) => return Err(custom_layer(&step.name)),
        })
    }

    /// Returns the locations of the arrays, in the order of [`Step::params`].
    pub(super) fn locations(&self) -> Vec<Location> {
        let parameters: Vec<usize> = match self {
            Self::SparseCoding(coding) => coding.parameters.to_vec(),
            Self::BatchNorm(norm) => norm.affine.into_iter().flatten().collect(),
            Self::AveragePooling => Vec::new(),
            Self::Classifier(Classifier { weight, bias }) => vec![*weight, *bias],
        };
        let moments = match self {
            Self::BatchNorm(norm) => norm.ranges().to_vec(),
            _ => Vec::new(),
        };
        let parameters = parameters.into_iter().map(Location::Parameter);
        parameters
            .chain(moments.into_iter().map(Location::Moments))
            .collect()
    }

    /// Returns the output, which has the given shape.
    fn forward(
        &self,
        x: &Map,
        shape: Shape,
        pass: &mut ForwardContext<'_>,
    ) -> Result<(Arc<Map>, Option<PendingSolve>), NetError> {
        let mut output = Map::unspecified(x.data.context(), shape)?;
        let mut solve = None;
        match self {
            Self::SparseCoding(coding) => solve = Some(coding.forward(x, &mut output, pass)?),
            Self::BatchNorm(norm) => norm.forward(x, &mut output, pass)?,
            Self::AveragePooling => average_pooling::forward(x, &mut output)?,
            Self::Classifier(classifier) => classifier.forward(x, &mut output, pass.weights)?,
        }
        Ok((Arc::new(output), solve))
    }

    /// Replaces the gradients of the parameters, and returns dLoss/dx if `wanted`.
    fn backward(
        &self,
        activations: Activations<'_, Map>,
        dy: &Map,
        wanted: bool,
        pass: &mut BackwardContext<'_>,
    ) -> Result<(Option<Map>, Option<PendingSolve>), NetError> {
        if let Self::SparseCoding(coding) = self {
            let (dx, solve) = coding.backward(activations, dy, wanted, pass)?;
            return Ok((dx, Some(solve)));
        }
        let input = activations.input;
        let mut dx = Map::unspecified(dy.data.context(), input.shape)?;
        match self {
            Self::SparseCoding(_) => {}
            Self::BatchNorm(norm) => norm.backward(input, dy, &mut dx, pass)?,
            Self::AveragePooling => average_pooling::backward(dy, &mut dx)?,
            Self::Classifier(classifier) => {
                classifier.backward(input, dy, &mut dx, pass.weights)?;
            }
        }
        Ok((Some(dx), None))
    }
}

/// Returns the error for a custom layer, which only the CPU executes.
pub(super) fn custom_layer(name: &str) -> NetError {
    NetError::CpuOnly {
        what: format!("the custom layer {name}"),
    }
}

/// An inference pass.
pub(super) struct Inference<'a> {
    pub(super) layers: &'a [CudaLayer],
    /// The output shape of each layer for one image.
    pub(super) shapes: &'a [Shape],
    pub(super) weights: &'a Weights,
    pub(super) solver: &'a SolverSettings,
    pub(super) reports: &'a mut Reports,
    pub(super) laps: &'a mut Laps,
}

impl Forward for Inference<'_> {
    type Map = Arc<Map>;
    type Codes = PendingSolve;

    fn forward(
        &mut self,
        layer: usize,
        input: Arc<Map>,
    ) -> Result<(Arc<Map>, Option<PendingSolve>), NetError> {
        let mut pass = ForwardContext {
            weights: self.weights,
            solver: self.solver,
            reports: self.reports,
            moments: None,
        };
        let shape = for_images(self.shapes[layer], &input);
        self.layers[layer].forward(&input, shape, &mut pass)
    }

    fn begin(&mut self) -> Result<(), NetError> {
        self.laps.begin()
    }

    fn end(&mut self, lap: Lap) -> Result<(), NetError> {
        self.laps.end(lap)
    }
}

/// A training pass.
pub(super) struct Training<'a> {
    pub(super) layers: &'a [CudaLayer],
    /// The output shape of each layer for one image.
    pub(super) shapes: &'a [Shape],
    pub(super) weights: &'a mut Weights,
    pub(super) solver: &'a SolverSettings,
    pub(super) reports: &'a mut Reports,
    pub(super) moments: &'a mut BatchMoments,
    pub(super) sums: &'a mut GradientSums,
    pub(super) laps: &'a mut Laps,
}

impl Forward for Training<'_> {
    type Map = Arc<Map>;
    type Codes = PendingSolve;

    fn forward(
        &mut self,
        layer: usize,
        input: Arc<Map>,
    ) -> Result<(Arc<Map>, Option<PendingSolve>), NetError> {
        let mut pass = ForwardContext {
            weights: self.weights,
            solver: self.solver,
            reports: self.reports,
            moments: Some(self.moments),
        };
        let shape = for_images(self.shapes[layer], &input);
        self.layers[layer].forward(&input, shape, &mut pass)
    }

    fn begin(&mut self) -> Result<(), NetError> {
        self.laps.begin()
    }

    fn end(&mut self, lap: Lap) -> Result<(), NetError> {
        self.laps.end(lap)
    }
}

impl Backward for Training<'_> {
    type Adjoint = PendingSolve;

    fn backward(
        &mut self,
        layer: usize,
        Activations { input, output }: Activations<'_, Arc<Map>>,
        dy: Arc<Map>,
        wanted: bool,
    ) -> Result<(Option<Arc<Map>>, Option<PendingSolve>), NetError> {
        let mut pass = BackwardContext {
            weights: self.weights,
            solver: self.solver,
            reports: self.reports,
            moments: self.moments,
            sums: self.sums,
        };
        let activations = Activations {
            input: input.as_ref(),
            output: output.as_ref(),
        };
        let (dx, solve) = self.layers[layer].backward(activations, &dy, wanted, &mut pass)?;
        Ok((dx.map(Arc::new), solve))
    }

    /// Does nothing: a GPU does not recompute codes.
    fn solved_again(_first: &mut PendingSolve, _again: PendingSolve) {}
}

fn for_images(shape: Shape, input: &Map) -> Shape {
    Shape {
        images: input.shape.images,
        ..shape
    }
}
