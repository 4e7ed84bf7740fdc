//! Root mean square normalisation over channels (Zhang and Sennrich, "Root mean square layer
//! normalization", NeurIPS 2019).
//!
//! At every position of every image, for the C channels x of the map and a learned gain g for each:
//!
//! ```text
//! r = 1 / sqrt(ε + mean x²),   y_c = g_c r x_c
//! dLoss/dg_c = sum over positions of dy_c r x_c
//! dLoss/dx_c = r g_c dy_c - r³ x_c / C · sum over k of g_k dy_k x_k
//! ```

use scn_net::{Layer, LayerError, Param, Role, Shape, Tensor};

/// Root mean square normalisation with a gain for each channel.
#[derive(Debug)]
pub(crate) struct RmsNorm {
    epsilon: f32,
    gain: Param,
}

impl RmsNorm {
    /// Creates a layer with a gain of 1 for each channel.
    pub(crate) fn new(channels: usize, epsilon: f32) -> Self {
        let ones = vec![1.0; channels];
        Self {
            epsilon,
            gain: Param::new(vec![channels], ones, Role::learned()),
        }
    }

    /// Returns r at each position.
    fn scales(&self, input: &Tensor) -> Vec<f32> {
        let Shape { channels, .. } = input.shape();
        let mut squares = vec![0.0; input.shape().positions()];
        for channel in 0..channels {
            for (sum, &x) in squares.iter_mut().zip(input.channel(channel)) {
                *sum += x * x;
            }
        }
        let scale = |sum: f32| 1.0 / (self.epsilon + sum / channels as f32).sqrt();
        squares.into_iter().map(scale).collect()
    }
}

impl Layer for RmsNorm {
    fn output_shape(&self, input: Shape) -> Result<Shape, LayerError> {
        let channels = self.gain.value.len();
        if input.channels == channels {
            return Ok(input);
        }
        Err(format!("expected {channels} channels, found {}", input.channels).into())
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor, LayerError> {
        let scales = self.scales(input);
        let mut output = input.clone();
        let channels = output.data_mut().chunks_exact_mut(scales.len().max(1));
        for (values, &gain) in channels.zip(&self.gain.value) {
            for (value, scale) in values.iter_mut().zip(&scales) {
                *value *= gain * scale;
            }
        }
        Ok(output)
    }

    fn backward(
        &mut self,
        input: &Tensor,
        _output: &Tensor,
        mut gradient: Tensor,
    ) -> Result<Tensor, LayerError> {
        let scales = self.scales(input);
        let positions = scales.len().max(1);
        // Compute the sum over k at each position, and the gradients of the gains in the same loop.
        let mut sums = vec![0.0; positions];
        let channels = gradient
            .data()
            .chunks_exact(positions)
            .zip(input.data().chunks_exact(positions));
        for (channel, (dy, x)) in channels.enumerate() {
            let gain = self.gain.value[channel];
            let mut by_gain = 0.0_f64;
            for (position, (&dy, &x)) in dy.iter().zip(x).enumerate() {
                by_gain += f64::from(dy * scales[position] * x);
                sums[position] += gain * dy * x;
            }
            self.gain.grad[channel] += by_gain as f32;
        }
        let count = input.shape().channels as f32;
        let channels = gradient
            .data_mut()
            .chunks_exact_mut(positions)
            .zip(input.data().chunks_exact(positions));
        for (channel, (dy, x)) in channels.enumerate() {
            let gain = self.gain.value[channel];
            for (position, (dy, &x)) in dy.iter_mut().zip(x).enumerate() {
                let scale = scales[position];
                *dy = scale * gain * *dy - scale.powi(3) * x / count * sums[position];
            }
        }
        Ok(gradient)
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        vec![("gain", &self.gain)]
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        vec![("gain", &mut self.gain)]
    }
}
