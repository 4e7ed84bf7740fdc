//! The average over the map.

use crate::shape::Shape;

/// The shape of the average over the whole map, whatever its size.
pub(crate) fn output_shape(input: Shape) -> Shape {
    Shape {
        height: 1,
        width: 1,
        ..input
    }
}
