//! The moments of batch normalisation, from batches that are not trained on.

use super::Network;
use crate::error::NetError;
use crate::finite::check_moments;
use crate::layer::batch_norm::BatchNorm;
use crate::step::StepLayer;
use crate::tensor::Tensor;

impl Network {
    /// Replaces the moments used for inference by those of the given batches, with the current
    /// weights.
    ///
    /// # Errors
    /// Returns an error if images do not have the shape that the network takes, or if pixels or
    /// activations are not finite.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Network, Shape, Tensor, presets};
    ///
    /// // Half of the pixels are 0, the others 1.
    /// let mut network = Network::new(&presets::get("digits")?.network, 0)?;
    /// let shape = Shape { channels: 1, images: 2, height: 8, width: 8 };
    /// let pixels = (0..shape.len()).map(|k| (k % 2) as f32).collect();
    /// network.estimate_moments([Tensor::new(shape, pixels)?])?;
    /// let mean = network.param("norm0.mean")?.map(|mean| mean.value.clone());
    /// assert_eq!(mean, Some(vec![0.5]));
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
    pub fn estimate_moments(
        &mut self,
        batches: impl IntoIterator<Item = Tensor>,
    ) -> Result<(), NetError> {
        self.fetch()?;
        self.norms().for_each(BatchNorm::collect_moments);
        let done = batches
            .into_iter()
            .try_for_each(|images| self.take_moments(images));
        self.norms().for_each(BatchNorm::finish_moments);
        done?;
        self.refresh()
    }

    /// Runs a forward pass in training mode, only for the moments.
    fn take_moments(&mut self, images: Tensor) -> Result<(), NetError> {
        self.check_input(&images)?;
        let groups = self.pass_settings(images.shape().images).groups;
        let moments = self
            .executor
            .batch_moments(&mut self.steps, images, groups)?;
        for (step, moments) in self.steps.list_mut().iter_mut().zip(moments) {
            check_moments(&step.name, &moments)?;
            if let StepLayer::BatchNorm(norm) = &mut step.layer {
                norm.record(&moments);
            }
        }
        Ok(())
    }

    fn norms(&mut self) -> impl Iterator<Item = &mut BatchNorm> {
        let steps = self.steps.list_mut().iter_mut();
        steps.filter_map(|step| match &mut step.layer {
            StepLayer::BatchNorm(norm) => Some(norm),
            _ => None,
        })
    }
}
