//! The classifier `z = W x + b`, and its adjoint `dW = dz x'`, `db = sum dz`, `dx = W'dz`.
//!
//! Uses plain loops, because the bits of an image must not depend on which others are computed with
//! it. The matrix product of a library may add up in a different order for a different size.

use std::ops::Range;

use crate::shape::Shape;
use crate::tensor::Tensor;

/// Returns the logits (classes × images) of features (n × images); `weight` is classes × n,
/// row-major.
pub(crate) fn forward(weight: &[f32], bias: &[f32], x: &Tensor) -> Tensor {
    let Shape {
        channels, images, ..
    } = x.shape();
    let mut z = Tensor::zeros(Shape {
        channels: bias.len(),
        images,
        height: 1,
        width: 1,
    });
    let classes = weight.chunks_exact(channels.max(1)).zip(bias);
    let rows = z.data_mut().chunks_exact_mut(images.max(1));
    for (row, (weight, &bias)) in rows.zip(classes) {
        row.fill(bias);
        for (channel, &weight) in weight.iter().enumerate() {
            add_multiple(row, weight, x.channel(channel));
        }
    }
    z
}

/// Returns dLoss/dx.
pub(crate) fn backward(weight: &[f32], features: Shape, dz: &Tensor) -> Tensor {
    let mut dx = Tensor::zeros(features);
    let rows = dx.data_mut().chunks_exact_mut(features.images.max(1));
    for (channel, row) in rows.enumerate() {
        let weights = weight.chunks_exact(features.channels.max(1));
        for (class, weights) in weights.enumerate() {
            add_multiple(row, weights[channel], dz.channel(class));
        }
    }
    dx
}

/// Returns the gradients over some images: those of the weights (classes × n, row-major), then
/// those of the biases.
pub(crate) fn gradients(x: &Tensor, dz: &Tensor, images: Range<usize>) -> Vec<f32> {
    let (channels, classes) = (x.shape().channels, dz.shape().channels);
    let mut gradients = Vec::with_capacity((channels + 1) * classes);
    for class in 0..classes {
        let dz = &dz.channel(class)[images.clone()];
        let by_weight = (0..channels).map(|channel| {
            let x = &x.channel(channel)[images.clone()];
            dz.iter().zip(x).map(|(dz, x)| dz * x).sum::<f32>()
        });
        gradients.extend(by_weight);
    }
    gradients
        .extend((0..classes).map(|class| dz.channel(class)[images.clone()].iter().sum::<f32>()));
    gradients
}

fn add_multiple(sums: &mut [f32], factor: f32, values: &[f32]) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(shape: Shape, modulus: usize) -> Tensor {
        Tensor::new(
            shape,
            (0..shape.len())
                .map(|k| (k * k % modulus) as f32 - 3.0)
                .collect(),
        )
        .unwrap()
    }

    /// The map is bilinear: `<dz, W x> = <dW, W> = <dx, x>`, exactly for small integers.
    #[test]
    fn backward_is_the_transpose() {
        let features = Shape {
            channels: 5,
            images: 4,
            height: 1,
            width: 1,
        };
        let x = counting(features, 11);
        let weight: Vec<f32> = (0..15).map(|k| (k % 7) as f32 - 3.0).collect();
        let bias = [1.0, -2.0, 0.5];
        let z = forward(&weight, &bias, &x);
        let dz = counting(z.shape(), 5);
        let inner = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let both = gradients(&x, &dz, 0..4);
        let (dw, db) = both.split_at(15);
        let dx = backward(&weight, features, &dz);
        let without_bias = forward(&weight, &[0.0; 3], &x);
        assert_eq!(inner(dz.data(), without_bias.data()), inner(dw, &weight));
        assert_eq!(
            inner(dz.data(), without_bias.data()),
            inner(dx.data(), x.data())
        );
        assert_eq!(
            inner(dz.data(), z.data()),
            inner(dw, &weight) + inner(db, &bias)
        );
    }
}
