//! Custom layers on the CPU. They compute themselves; this module checks the shapes that they
//! return.

use crate::error::{LayerError, NetError};
use crate::layer::Layer;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Returns the output, or an error if it does not have the shape that the layer announces.
pub(super) fn forward(name: &str, layer: &dyn Layer, input: &Tensor) -> Result<Tensor, NetError> {
    let output = layer
        .forward(input)
        .map_err(|source| failed(name, source))?;
    let expected = layer.output_shape(input.shape());
    let expected = expected.map_err(|source| failed(name, source))?;
    expect_shape(name, "an output", expected, output.shape())?;
    Ok(output)
}

/// Returns dLoss/dinput, or an error if it does not have the shape of the input.
pub(super) fn backward(
    name: &str,
    layer: &mut dyn Layer,
    input: &Tensor,
    output: &Tensor,
    dy: Tensor,
) -> Result<Tensor, NetError> {
    let dx = layer.backward(input, output, dy);
    let dx = dx.map_err(|source| failed(name, source))?;
    expect_shape(name, "a gradient", input.shape(), dx.shape())?;
    Ok(dx)
}

/// Recomputes data derived from the parameters.
pub(super) fn refresh(name: &str, layer: &mut dyn Layer) -> Result<(), NetError> {
    layer.refresh().map_err(|source| failed(name, source))
}

fn failed(name: &str, source: LayerError) -> NetError {
    NetError::Layer {
        layer: name.to_string(),
        source,
    }
}

fn expect_shape(
    name: &str,
    what: &'static str,
    expected: Shape,
    found: Shape,
) -> Result<(), NetError> {
    if expected == found {
        return Ok(());
    }
    Err(NetError::LayerShape {
        layer: name.to_string(),
        what,
        expected,
        found,
    })
}
