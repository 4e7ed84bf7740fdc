//! What a layer is: its parameters, their names and shapes, and the shape of its output. A device
//! executes it.

pub(crate) mod average_pooling;
pub(crate) mod batch_norm;
pub(crate) mod classifier;
pub(crate) mod sparse_coding;

use crate::error::LayerError;
use crate::param::Param;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A custom layer, which [`Network::insert_after`](crate::Network::insert_after) places between the
/// layers of a network.
///
/// A layer is a function of its input and its parameters, and nothing else: it may be computed
/// twice for one step, and must give the same bits again. It computes on this machine's processor;
/// a network that contains one cannot move to a graphics processor. `docs/adding-a-layer.md` walks
/// through an example.
pub trait Layer: Send + Sync + std::fmt::Debug {
    /// The shape of the output for an input of this shape.
    ///
    /// # Errors
    /// An input that the layer cannot take.
    fn output_shape(&self, input: Shape) -> Result<Shape, LayerError>;

    /// The output, of the shape that [`output_shape`](Self::output_shape) announces.
    ///
    /// # Errors
    /// Whatever the layer cannot compute.
    fn forward(&self, input: &Tensor) -> Result<Tensor, LayerError>;

    /// Given the input, the output and `gradient` = dLoss/doutput of one batch: adds
    /// dLoss/dparameter to the [gradients](Param::grad) of the parameters and returns dLoss/dinput,
    /// of the shape of the input.
    ///
    /// # Errors
    /// Whatever the layer cannot compute.
    fn backward(
        &mut self,
        input: &Tensor,
        output: &Tensor,
        gradient: Tensor,
    ) -> Result<Tensor, LayerError>;

    /// The parameters with their names within the layer; the network calls them
    /// `{layer}.{parameter}`.
    fn params(&self) -> Vec<(&'static str, &Param)> {
        Vec::new()
    }

    /// The same parameters in the same order, to be changed.
    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        Vec::new()
    }

    /// Derives anew what depends on the parameters, after their values have changed.
    ///
    /// # Errors
    /// Values that the layer cannot compute with.
    fn refresh(&mut self) -> Result<(), LayerError> {
        Ok(())
    }
}
