//! Inference with a λ1 that differs from the learned one.

use super::Network;
use crate::error::NetError;

impl Network {
    /// Multiplies λ1 of every sparse coding layer by `factor`.
    ///
    /// A λ1 larger than the learned one makes codes sparser, which may help if images are noisier
    /// than in training (Dai et al., "Revisiting Sparse Convolutional Model for Visual
    /// Recognition", NeurIPS 2022, arXiv 2210.12945); `docs/experiments.md` has measurements.
    ///
    /// The parameters change both here and on the [device](Self::move_to) of the network, so the
    /// network may be moved before or after the call. A model saved afterwards has the scaled λ1,
    /// and a second call multiplies it again. A factor of 1 changes no bit; 0 removes the penalty.
    ///
    /// # Errors
    /// Returns [`NetError::Lambda1Scale`] if the factor is negative or not finite, and
    /// [`NetError::Lambda1Overflow`] if a product is not finite in f32. The network is then
    /// unchanged. Returns an error if the device fails.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Network, presets};
    ///
    /// let mut config = presets::get("digits")?.network;
    /// config.lambda1.initial = 0.25;
    /// let mut network = Network::new(&config, 0)?;
    /// network.scale_lambda1(2.0)?;
    /// let lambda1 = network.param("layer0.lambda1")?.map(|lambda1| lambda1.value.clone());
    /// assert_eq!(lambda1, Some(vec![0.5]));
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
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

/// The suffix of the name of every λ1.
const LAMBDA1: &str = ".lambda1";
