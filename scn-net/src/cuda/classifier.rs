//! The classifier on a device.

use scn_gpu::layers::classifier;

use super::inventory::Inventory;
use super::map::Map;
use super::weights::Weights;
use crate::error::NetError;
use crate::layer;

/// The linear classifier, with the places of its arrays among those of all layers.
#[derive(Debug)]
pub(super) struct Classifier {
    pub(super) weight: usize,
    pub(super) bias: usize,
}

impl Classifier {
    /// Reserves places for the layer in the inventory.
    pub(super) fn new(layer: &layer::classifier::Classifier, inventory: &mut Inventory) -> Self {
        Self {
            weight: inventory.parameter(&layer.weight),
            bias: inventory.parameter(&layer.bias),
        }
    }

    pub(super) fn forward(
        &self,
        x: &Map,
        output: &mut Map,
        weights: &Weights,
    ) -> Result<(), NetError> {
        let values = &weights.parameters.values;
        let (weight, bias) = (values.get(self.weight)?, values.get(self.bias)?);
        Ok(classifier::forward(
            weight,
            bias,
            &x.data,
            &mut output.data,
        )?)
    }

    /// Replaces the gradients of the parameters.
    pub(super) fn backward(
        &self,
        input: &Map,
        dy: &Map,
        dx: &mut Map,
        weights: &mut Weights,
    ) -> Result<(), NetError> {
        let parameters = &mut weights.parameters;
        let (by_weight, by_bias) = parameters.gradients.pair_mut(self.weight, self.bias)?;
        let gradients = classifier::ClassifierGradients {
            weight: by_weight,
            bias: by_bias,
        };
        let weight = parameters.values.get(self.weight)?;
        let (x, dy, dx) = (&input.data, &dy.data, &mut dx.data);
        Ok(classifier::backward(weight, x, dy, gradients, dx)?)
    }
}
