//! Average pooling over the whole map.

use crate::shape::Shape;

/// Returns the shape of the average over the whole map.
pub(crate) fn output_shape(input: Shape) -> Shape {
    Shape {
        height: 1,
        width: 1,
        ..input
    }
}
