//! The classifier `z = W x + b`, and its adjoint `dW = dz x'`, `db = sum dz`, `dx = W'dz`.
//!
//! `W` is classes × n, `x` is n × images, `z` is classes × images, each stored row by row.

use crate::launch::launch;
use crate::launch::layers::{ClassifierForward, ClassifierInputGradient, ClassifierWeightGradient};
use crate::windows::int;
use crate::{Buffer, GpuError};

/// Classes, features and images as kernels count them.
struct Sizes {
    classes: i32,
    features: i32,
    images: i32,
}

impl Sizes {
    /// The kernels' checks refuse buffers that do not fit these.
    fn new(classes: usize, weights: usize, logits: usize) -> Result<Self, GpuError> {
        Ok(Self {
            classes: int("the number of classes", classes)?,
            features: int("the number of features", weights / classes.max(1))?,
            images: int("the number of images", logits / classes.max(1))?,
        })
    }
}

/// Logits.
///
/// # Errors
/// Lengths that do not fit together.
pub fn forward(
    weight: &Buffer<f32>,
    bias: &Buffer<f32>,
    x: &Buffer<f32>,
    logits: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let sizes = Sizes::new(bias.len(), weight.len(), logits.len())?;
    let forward = ClassifierForward {
        weight: weight.view(),
        bias: bias.view(),
        x: x.view(),
        classes: sizes.classes,
        features: sizes.features,
        images: sizes.images,
        logits: logits.view_mut(),
    };
    launch(x.context(), &forward)
}

/// Adds to the gradients of weight and bias.
///
/// # Errors
/// Lengths that do not fit together.
pub fn add_gradients(
    x: &Buffer<f32>,
    dlogits: &Buffer<f32>,
    weight_gradient: &mut Buffer<f32>,
    bias_gradient: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let sizes = Sizes::new(bias_gradient.len(), weight_gradient.len(), dlogits.len())?;
    let gradient = ClassifierWeightGradient {
        x: x.view(),
        dlogits: dlogits.view(),
        classes: sizes.classes,
        features: sizes.features,
        images: sizes.images,
        weight_gradient: weight_gradient.view_mut(),
        bias_gradient: bias_gradient.view_mut(),
    };
    launch(x.context(), &gradient)
}

/// dLoss/dx, for so many classes.
///
/// # Errors
/// Lengths that do not fit together.
pub fn input_gradient(
    weight: &Buffer<f32>,
    dlogits: &Buffer<f32>,
    classes: usize,
    dx: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let sizes = Sizes::new(classes, weight.len(), dlogits.len())?;
    let gradient = ClassifierInputGradient {
        weight: weight.view(),
        dlogits: dlogits.view(),
        classes: sizes.classes,
        features: sizes.features,
        images: sizes.images,
        dx: dx.view_mut(),
    };
    launch(weight.context(), &gradient)
}
