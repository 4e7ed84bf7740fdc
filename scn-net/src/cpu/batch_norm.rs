//! Batch normalisation, on the processor.

use crate::layer::batch_norm::BatchNorm;
use crate::moments::{ChannelMoments, GroupMoments};
use crate::ops::batch_norm::{self, Affine};
use crate::param::Param;
use crate::tensor::Tensor;

/// With the moments of the training data, in place.
pub(super) fn infer(layer: &BatchNorm, input: Tensor) -> Tensor {
    let moments = ChannelMoments {
        mean: layer.mean.value.clone(),
        variance: layer.variance.value.clone(),
    };
    batch_norm::normalize(input, &moments, affine(layer), layer.epsilon)
}

/// With the moments of the groups of the batch, and these.
pub(super) fn forward(
    layer: &BatchNorm,
    input: &Tensor,
    groups: usize,
) -> (Tensor, Vec<GroupMoments>) {
    batch_norm::forward(input, groups, affine(layer), layer.epsilon)
}

/// Adds to the gradients of scale and shift; returns dLoss/dinput.
pub(super) fn backward(
    layer: &mut BatchNorm,
    input: &Tensor,
    moments: &[GroupMoments],
    dy: Tensor,
) -> Tensor {
    let scale = affine(layer).map(|affine| affine.scale);
    let gradients = batch_norm::backward(input, moments, scale, layer.epsilon, dy);
    if let Some(affine) = &mut layer.affine {
        add(&mut affine.scale, &gradients.scale);
        add(&mut affine.shift, &gradients.shift);
    }
    gradients.x
}

fn affine(layer: &BatchNorm) -> Option<Affine<'_>> {
    layer.affine.as_ref().map(|affine| Affine {
        scale: &affine.scale.value,
        shift: &affine.shift.value,
    })
}

fn add(param: &mut Param, gradient: &[f32]) {
    for (sum, &part) in param.grad.iter_mut().zip(gradient) {
        *sum += part;
    }
}
