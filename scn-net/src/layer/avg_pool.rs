//! The average over the map.

use super::{Activity, AdjointActivity, Layer, Saved, wrong_saved};
use crate::NetError;
#[cfg(feature = "cuda")]
use crate::cuda::{CudaLayer, Inventory};
use crate::ops::avg_pool;
use crate::param::Param;
use crate::tensor::Tensor;

/// The average over the whole map, whatever its size.
#[derive(Debug)]
pub(crate) struct AveragePooling;

impl Layer for AveragePooling {
    fn infer(&self, x: Tensor) -> Result<(Tensor, Option<Activity>), NetError> {
        Ok((avg_pool::average(&x), None))
    }

    fn forward(
        &self,
        x: Tensor,
        _groups: usize,
    ) -> Result<(Tensor, Saved, Option<Activity>), NetError> {
        Ok((
            avg_pool::average(&x),
            Saved::Pooled { shape: x.shape() },
            None,
        ))
    }

    fn backward(
        &mut self,
        saved: Saved,
        dy: Tensor,
    ) -> Result<(Tensor, Option<AdjointActivity>), NetError> {
        let Saved::Pooled { shape } = saved else {
            return Err(wrong_saved("the pooling"));
        };
        Ok((avg_pool::spread(&dy, shape), None))
    }

    #[cfg(feature = "cuda")]
    fn to_cuda(&self, _inventory: &mut Inventory) -> CudaLayer {
        CudaLayer::AveragePooling
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        Vec::new()
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        Vec::new()
    }
}
