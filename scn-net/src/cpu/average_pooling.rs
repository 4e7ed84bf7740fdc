//! Average pooling on the CPU.

use crate::ops::avg_pool;
use crate::tensor::Tensor;

pub(super) fn forward(input: &Tensor) -> Tensor {
    avg_pool::average(input)
}

/// Returns dLoss/dinput.
pub(super) fn backward(input: &Tensor, dy: &Tensor) -> Tensor {
    avg_pool::spread(dy, input.shape())
}
