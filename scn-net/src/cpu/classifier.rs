//! The classifier, on the processor.

use crate::layer::classifier::Classifier;
use crate::ops::linear;
use crate::tensor::Tensor;

pub(super) fn forward(layer: &Classifier, input: &Tensor) -> Tensor {
    linear::forward(&layer.weight.value, &layer.bias.value, input)
}

/// Adds to the gradients of the parameters; returns dLoss/dinput.
pub(super) fn backward(layer: &mut Classifier, input: &Tensor, dy: &Tensor) -> Tensor {
    linear::backward(
        &layer.weight.value,
        input,
        dy,
        &mut layer.weight.grad,
        &mut layer.bias.grad,
    )
}
