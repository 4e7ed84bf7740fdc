//! Layers: their parameters, and the shapes of parameters and outputs. Devices execute them.

pub(crate) mod average_pooling;
pub(crate) mod batch_norm;
pub(crate) mod classifier;
pub(crate) mod sparse_coding;

use crate::error::LayerError;
use crate::param::Param;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A custom layer between the layers of a network.
///
/// [`Network::insert_after`](crate::Network::insert_after) adds it to a network. The output must
/// depend only on the input and the parameters, because a layer may be computed twice for one step,
/// with bit-identical results. Custom layers run on the CPU; a network that contains one cannot
/// move to a GPU. `docs/adding-a-layer.md` walks through an example.
pub trait Layer: Send + Sync + std::fmt::Debug {
    /// Returns the shape of the output for an input of this shape.
    ///
    /// # Errors
    /// Returns an error if the layer cannot take the input.
    fn output_shape(&self, input: Shape) -> Result<Shape, LayerError>;

    /// Returns the output, whose shape is [`output_shape`](Self::output_shape).
    ///
    /// # Errors
    /// Returns an error if the layer cannot compute the output.
    fn forward(&self, input: &Tensor) -> Result<Tensor, LayerError>;

    /// Computes the gradients of one batch, given its input, its output and `gradient` =
    /// dLoss/doutput. Adds dLoss/dparameter to the [gradients](Param::grad) of the parameters and
    /// returns dLoss/dinput, which has the shape of the input.
    ///
    /// # Errors
    /// Returns an error if the layer cannot compute the gradients.
    fn backward(
        &mut self,
        input: &Tensor,
        output: &Tensor,
        gradient: Tensor,
    ) -> Result<Tensor, LayerError>;

    /// Returns the parameters with their names within the layer. Their names in the network are
    /// `{layer}.{parameter}`.
    fn params(&self) -> Vec<(&'static str, &Param)> {
        Vec::new()
    }

    /// Returns the same parameters in the same order, as mutable references.
    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        Vec::new()
    }

    /// Recomputes data derived from the parameters, after their values have changed.
    ///
    /// # Errors
    /// Returns an error if the layer cannot compute with these values.
    fn refresh(&mut self) -> Result<(), LayerError> {
        Ok(())
    }
}
