//! Average pooling on a device.

use scn_gpu::layers::pooling;

use super::map::Map;
use crate::error::NetError;

pub(super) fn forward(x: &Map, output: &mut Map) -> Result<(), NetError> {
    Ok(pooling::average(&x.data, &mut output.data)?)
}

pub(super) fn backward(dy: &Map, dx: &mut Map) -> Result<(), NetError> {
    Ok(pooling::average_backward(&dy.data, &mut dx.data)?)
}
