//! The classifier.

use super::{Activity, AdjointActivity, Layer, Saved, wrong_saved};
use crate::NetError;
#[cfg(feature = "cuda")]
use crate::cuda::{CudaLayer, Inventory};
use crate::ops::linear;
use crate::param::{Param, Role};
use crate::tensor::Tensor;

/// The linear classifier `z = W x + b`, with `W` classes × n.
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Param,
    bias: Param,
}

impl Linear {
    /// With given weights, classes × features, and bias zero.
    pub(crate) fn new(classes: usize, features: usize, weight: Vec<f32>) -> Self {
        let role = Role::Learned {
            rate: 1.0,
            nonnegative: false,
        };
        Self {
            weight: Param::new(vec![classes, features], weight, role),
            bias: Param::new(vec![classes], vec![0.0; classes], role),
        }
    }
}

impl Layer for Linear {
    fn infer(&self, x: Tensor) -> Result<(Tensor, Option<Activity>), NetError> {
        Ok((
            linear::forward(&self.weight.value, &self.bias.value, &x),
            None,
        ))
    }

    fn forward(
        &self,
        x: Tensor,
        _groups: usize,
    ) -> Result<(Tensor, Saved, Option<Activity>), NetError> {
        let z = linear::forward(&self.weight.value, &self.bias.value, &x);
        Ok((z, Saved::Features { input: x }, None))
    }

    fn backward(
        &mut self,
        saved: Saved,
        dy: Tensor,
    ) -> Result<(Tensor, Option<AdjointActivity>), NetError> {
        let Saved::Features { input } = saved else {
            return Err(wrong_saved("the classifier"));
        };
        let dx = linear::backward(
            &self.weight.value,
            &input,
            &dy,
            &mut self.weight.grad,
            &mut self.bias.grad,
        );
        Ok((dx, None))
    }

    #[cfg(feature = "cuda")]
    fn to_cuda(&self, inventory: &mut Inventory) -> CudaLayer {
        CudaLayer::Classifier {
            classes: self.bias.value.len(),
            weight: inventory.parameter(&self.weight),
            bias: inventory.parameter(&self.bias),
        }
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        vec![("weight", &self.weight), ("bias", &self.bias)]
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        vec![("weight", &mut self.weight), ("bias", &mut self.bias)]
    }
}
