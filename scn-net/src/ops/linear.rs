//! The classifier `z = W x + b`, and its adjoint `dW = dz x'`, `db = sum dz`, `dx = W'dz`.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::shape::Shape;
use crate::tensor::Tensor;

/// Logits (classes × images) of features (n × images); `weight` is classes × n, row-major.
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
    for (row, &bias) in z.data_mut().chunks_exact_mut(images.max(1)).zip(bias) {
        row.fill(bias);
    }
    let weight = MatRef::from_row_major_slice(weight, bias.len(), channels);
    let features = MatRef::from_row_major_slice(x.data(), channels, images);
    let logits = MatMut::from_row_major_slice_mut(z.data_mut(), bias.len(), images);
    matmul(logits, Accum::Add, weight, features, 1.0, Par::Seq);
    z
}

/// Adds to the gradients of weight and bias; returns dLoss/dx.
pub(crate) fn backward(
    weight: &[f32],
    x: &Tensor,
    dz: &Tensor,
    weight_gradient: &mut [f32],
    bias_gradient: &mut [f32],
) -> Tensor {
    let Shape {
        channels, images, ..
    } = x.shape();
    let classes = bias_gradient.len();
    let cotangent = MatRef::from_row_major_slice(dz.data(), classes, images);
    let features = MatRef::from_row_major_slice(x.data(), channels, images);
    let into = MatMut::from_row_major_slice_mut(weight_gradient, classes, channels);
    matmul(
        into,
        Accum::Add,
        cotangent,
        features.transpose(),
        1.0,
        Par::Seq,
    );
    for (sum, row) in bias_gradient
        .iter_mut()
        .zip(dz.data().chunks_exact(images.max(1)))
    {
        *sum += row.iter().sum::<f32>();
    }
    let mut dx = Tensor::zeros(x.shape());
    let weight = MatRef::from_row_major_slice(weight, classes, channels);
    let into = MatMut::from_row_major_slice_mut(dx.data_mut(), channels, images);
    matmul(
        into,
        Accum::Replace,
        weight.transpose(),
        cotangent,
        1.0,
        Par::Seq,
    );
    dx
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

    /// The map is bilinear: `<dz, W x> = <dW, W> = <dx, x>`, exactly in small integers.
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
        let (mut dw, mut db) = (vec![0.0; 15], vec![0.0; 3]);
        let dx = backward(&weight, &x, &dz, &mut dw, &mut db);
        let without_bias = forward(&weight, &[0.0; 3], &x);
        assert_eq!(inner(dz.data(), without_bias.data()), inner(&dw, &weight));
        assert_eq!(
            inner(dz.data(), without_bias.data()),
            inner(dx.data(), x.data())
        );
        assert_eq!(
            inner(dz.data(), z.data()),
            inner(&dw, &weight) + inner(&db, &bias)
        );
    }
}
