//! Batch normalisation on the CPU.

use crate::error::NetError;
use crate::layer::batch_norm::BatchNorm;
use crate::moments::{ChannelMoments, GroupMoments};
use crate::ops::batch_norm::{self, Affine, Grouped};
use crate::share::add_each;
use crate::tensor::Tensor;

/// Normalises with the moments of the training data, in place.
pub(super) fn infer(layer: &BatchNorm, input: Tensor) -> Tensor {
    let moments = ChannelMoments {
        mean: layer.mean.value.clone(),
        variance: layer.variance.value.clone(),
    };
    batch_norm::normalize(input, &moments, affine(layer), layer.epsilon)
}

/// Normalises with the moments of the groups of the batch, which are also returned.
pub(super) fn forward(
    layer: &BatchNorm,
    input: &Tensor,
    groups: Grouped<'_>,
) -> Result<(Tensor, Vec<GroupMoments>), NetError> {
    batch_norm::forward(input, groups, affine(layer), layer.epsilon)
}

/// Adds to the gradients of scale and shift, and returns dLoss/dinput.
pub(super) fn backward(
    layer: &mut BatchNorm,
    input: &Tensor,
    groups: Grouped<'_>,
    moments: &[GroupMoments],
    dy: Tensor,
) -> Result<Tensor, NetError> {
    let scale = affine(layer).map(|affine| affine.scale);
    let gradients = batch_norm::backward(input, groups, moments, scale, layer.epsilon, dy)?;
    if let Some(affine) = &mut layer.affine {
        add_each(&mut affine.scale.grad, &gradients.scale);
        add_each(&mut affine.shift.grad, &gradients.shift);
    }
    Ok(gradients.x)
}

fn affine(layer: &BatchNorm) -> Option<Affine<'_>> {
    layer.affine.as_ref().map(|affine| Affine {
        scale: &affine.scale.value,
        shift: &affine.shift.value,
    })
}
