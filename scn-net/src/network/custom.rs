//! Custom layers in a network.

use super::Network;
use crate::error::NetError;
use crate::layer::Layer;
use crate::shape::Shape;
use crate::step::{Step, StepLayer};

impl Network {
    /// Inserts a custom layer after a step. Steps are named as in reports of times: `norm{h}`,
    /// `layer{h}`, `pooling`, or the name of a custom layer. The parameters of the layer are called
    /// `{name}.{parameter}`; [`Sgd`](crate::Sgd) updates those that are learned.
    ///
    /// # Errors
    /// Returns [`NetError::NoSuchStep`] or [`NetError::StepName`] if a name is not valid,
    /// [`NetError::CpuOnly`] if the network is on a GPU, and an error if the next step does
    /// not take the output of the layer, or the network would no longer return logits. The network
    /// is then unchanged.
    pub fn insert_after(
        &mut self,
        step: &str,
        name: &str,
        layer: Box<dyn Layer>,
    ) -> Result<(), NetError> {
        let after = self.steps.names().position(|its| its == step);
        let Some(after) = after else {
            return Err(NetError::NoSuchStep {
                name: step.to_string(),
            });
        };
        if name.is_empty() || name.contains('.') || self.steps.names().any(|its| its == name) {
            return Err(NetError::StepName {
                name: name.to_string(),
            });
        }
        let custom = Step {
            name: name.to_string(),
            layer: StepLayer::Custom(layer),
        };
        self.check_shapes(after, &custom)?;
        self.fetch()?;
        self.executor.insert(after + 1, &custom)?;
        self.steps.insert(after + 1, custom);
        Ok(())
    }

    /// Checks that the steps fit each other with `custom` inserted after that of index `after`, and
    /// that the last one returns logits.
    fn check_shapes(&self, after: usize, custom: &Step) -> Result<(), NetError> {
        let [channels, height, width] = self.config.input;
        let mut shape = Shape {
            channels,
            images: 1,
            height,
            width,
        };
        for (index, step) in self.steps.list().iter().enumerate() {
            shape = step.output_shape(shape)?;
            if index == after {
                shape = custom.output_shape(shape)?;
            }
        }
        let expected = Shape {
            channels: self.config.classes,
            images: 1,
            height: 1,
            width: 1,
        };
        if shape == expected {
            return Ok(());
        }
        Err(NetError::LayerShape {
            layer: custom.name.clone(),
            what: "an output",
            expected,
            found: shape,
        })
    }
}
