//! Inference with another λ1 than the learned one.

use super::Network;
use crate::error::NetError;

impl Network {
    /// Multiplies λ1 of every sparse coding layer by `factor`. A larger λ1 than the learned one
    /// makes codes sparser, which may help where images are noisier than those of training (Dai et
    /// al., "Revisiting Sparse Convolutional Model for Visual Recognition", NeurIPS 2022, arXiv
    /// 2210.12945); `docs/experiments.md` measures it.
    ///
    /// The parameters change, here and on the [device](Self::move_to) that the network is on: the
    /// call may come before or after the network moves there. A model saved afterwards has the
    /// scaled λ1, and a second call multiplies again. A factor of 1 changes no bit, 0 takes the
    /// penalty away.
    ///
    /// # Errors
    /// [`NetError::Lambda1Scale`] for a factor that is negative or not finite,
    /// [`NetError::Lambda1Overflow`] where a product is not finite in f32; the network is then as
    /// it was. A device that fails.
    pub fn scale_lambda1(&mut self, factor: f64) -> Result<(), NetError> {
        if !(factor.is_finite() && factor >= 0.0) {
            return Err(NetError::Lambda1Scale { found: factor });
        }
        if factor == 1.0 {
            return Ok(());
        }
        self.fetch()?;
        let scaled = |value: f32| (f64::from(value) * factor) as f32;
        for (name, param) in self.params()? {
            if let Some(layer) = name.strip_suffix(LAMBDA1)
                && let Some(&lambda1) = param.value.iter().find(|&&v| !scaled(v).is_finite())
            {
                return Err(NetError::Lambda1Overflow {
                    layer: layer.to_string(),
                    lambda1,
                    factor,
                });
            }
        }
        self.visit_params_mut(&mut |name, param| {
            if name.ends_with(LAMBDA1) {
                param
                    .value
                    .iter_mut()
                    .for_each(|value| *value = scaled(*value));
            }
        })?;
        self.refresh()
    }
}

/// What the name of every λ1 ends in.
const LAMBDA1: &str = ".lambda1";
