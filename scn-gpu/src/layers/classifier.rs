//! The classifier `z = W x + b`, and its gradients `dW = dz x'`, `db = sum dz`, `dx = W'dz`.
//!
//! `W` is classes × n, `x` is n × images, `z` is classes × images, each stored row by row.

use crate::error::GpuError;
use crate::kernels::classifier::{ClassifierBackward, ClassifierForward};
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::memory::view::{View, ViewMut};
use crate::sizes::int;

/// Numbers of classes, features and images, as kernels count them.
struct Sizes {
    classes: i32,
    features: i32,
    images: i32,
}

impl Sizes {
    /// Derives the sizes from lengths. Kernels reject buffers that do not fit the sizes.
    fn new(classes: usize, weights: usize, logits: usize) -> Result<Self, GpuError> {
        Ok(Self {
            classes: int("the number of classes", classes)?,
            features: int("the number of features", weights / classes.max(1))?,
            images: int("the number of images", logits / classes.max(1))?,
        })
    }
}

/// Computes the logits.
///
/// # Errors
/// Returns an error if the lengths do not fit together.
pub fn forward(
    weight: View<'_, f32>,
    bias: View<'_, f32>,
    x: &Buffer<f32>,
    logits: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let sizes = Sizes::new(bias.len(), weight.len(), logits.len())?;
    let forward = ClassifierForward {
        weight,
        bias,
        x: x.view(),
        classes: sizes.classes,
        features: sizes.features,
        images: sizes.images,
        logits: logits.view_mut(),
    };
    launch(x.context(), &forward)
}

/// Outputs for the gradients of the classifier's parameters, which are overwritten.
#[derive(Debug)]
pub struct ClassifierGradients<'a> {
    /// dLoss/dW, classes × n.
    pub weight: ViewMut<'a, f32>,
    /// dLoss/db, one per class.
    pub bias: ViewMut<'a, f32>,
}

/// Computes the gradients of weight and bias, and dLoss/dx.
///
/// # Errors
/// Returns an error if the lengths do not fit together.
pub fn backward(
    weight: View<'_, f32>,
    x: &Buffer<f32>,
    dlogits: &Buffer<f32>,
    gradients: ClassifierGradients<'_>,
    dx: &mut Buffer<f32>,
) -> Result<(), GpuError> {
    let ClassifierGradients {
        weight: weight_gradient,
        bias: bias_gradient,
    } = gradients;
    let classes = bias_gradient.len();
    let sizes = Sizes::new(classes, weight.len(), dlogits.len())?;
    let blocks = ClassifierBackward::weight_blocks(classes, weight.len() / classes.max(1));
    let backward = ClassifierBackward {
        weight,
        x: x.view(),
        dlogits: dlogits.view(),
        classes: sizes.classes,
        features: sizes.features,
        images: sizes.images,
        weight_blocks: int("the blocks for weights", blocks)?,
        weight_gradient,
        bias_gradient,
        dx: dx.view_mut(),
    };
    launch(x.context(), &backward)
}
