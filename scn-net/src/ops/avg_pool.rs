//! The average over the whole map: `y_ci = 1/(H W) sum over (y, x) of x_ciyx`, and its transpose.

use crate::shape::Shape;
use crate::tensor::Tensor;

/// Returns the mean of each channel of each image: channels × images × 1 × 1.
pub(crate) fn average(x: &Tensor) -> Tensor {
    let shape = x.shape();
    let plane = shape.height * shape.width;
    let mut y = Tensor::unspecified(Shape {
        height: 1,
        width: 1,
        ..shape
    });
    for (mean, values) in y
        .data_mut()
        .iter_mut()
        .zip(x.data().chunks_exact(plane.max(1)))
    {
        *mean = values.iter().sum::<f32>() / plane as f32;
    }
    y
}

/// Returns dLoss/dx, given dLoss/dy.
pub(crate) fn spread(dy: &Tensor, shape: Shape) -> Tensor {
    let plane = shape.height * shape.width;
    let mut dx = Tensor::unspecified(shape);
    for (values, &mean) in dx.data_mut().chunks_exact_mut(plane.max(1)).zip(dy.data()) {
        values.fill(mean / plane as f32);
    }
    dx
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `<average(x), dy> = <x, spread(dy)>`, exactly, because all numbers are small multiples of
    /// powers of two.
    #[test]
    fn spread_is_the_transpose_of_average() {
        let shape = Shape {
            channels: 2,
            images: 3,
            height: 2,
            width: 4,
        };
        let x = Tensor::new(
            shape,
            (0..shape.len()).map(|k| (k * k % 17) as f32).collect(),
        )
        .unwrap();
        let pooled = average(&x);
        assert_eq!(pooled.data()[0], x.data()[..8].iter().sum::<f32>() / 8.0);
        let dy = Tensor::new(pooled.shape(), (0..6).map(|k| k as f32 - 2.0).collect()).unwrap();
        let dx = spread(&dy, shape);
        let inner = |a: &Tensor, b: &Tensor| {
            a.data()
                .iter()
                .zip(b.data())
                .map(|(a, b)| a * b)
                .sum::<f32>()
        };
        assert_eq!(inner(&pooled, &dy), inner(&x, &dx));
    }
}
