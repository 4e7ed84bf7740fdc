//! The classifier on the CPU.

use std::ops::Range;

use crate::layer::classifier::Classifier;
use crate::ops::linear;
use crate::share::add_each;
use crate::tensor::Tensor;

pub(super) fn forward(layer: &Classifier, input: &Tensor) -> Tensor {
    linear::forward(&layer.weight.value, &layer.bias.value, input)
}

/// Returns dLoss/dinput.
pub(super) fn backward(layer: &Classifier, input: &Tensor, dy: &Tensor) -> Tensor {
    linear::backward(&layer.weight.value, input.shape(), dy)
}

/// Returns the gradients of the parameters over some images, one array after the other.
pub(super) fn gradients(input: &Tensor, dy: &Tensor, images: Range<usize>) -> Vec<f32> {
    linear::gradients(input, dy, images)
}

/// Returns the length of [`gradients`].
pub(super) fn sums(layer: &Classifier) -> usize {
    layer.weight.value.len() + layer.bias.value.len()
}

/// Adds the gradients over all images to those of the parameters.
pub(super) fn finish(layer: &mut Classifier, gradients: &[f32]) {
    let (weight, bias) = gradients.split_at(layer.weight.value.len().min(gradients.len()));
    add_each(&mut layer.weight.grad, weight);
    add_each(&mut layer.bias.grad, bias);
}
