//! The linear classifier.

use crate::param::{Param, Role};
use crate::shape::Shape;

/// The linear classifier `z = W x + b`, with `W` classes × n.
#[derive(Debug)]
pub(crate) struct Classifier {
    pub(crate) weight: Param,
    pub(crate) bias: Param,
}

/// Names of the arrays.
pub(crate) const NAMES: [&str; 2] = ["weight", "bias"];

/// Returns the shapes of the arrays.
pub(crate) fn shapes(classes: usize, features: usize) -> [Vec<usize>; 2] {
    [vec![classes, features], vec![classes]]
}

impl Classifier {
    /// Creates a classifier with these weights (classes × features) and zero bias.
    pub(crate) fn new(classes: usize, features: usize, weight: Vec<f32>) -> Self {
        let [weights, biases] = shapes(classes, features);
        Self {
            weight: Param::new(weights, weight, Role::learned()),
            bias: Param::new(biases, vec![0.0; classes], Role::learned()),
        }
    }

    pub(crate) fn classes(&self) -> usize {
        self.bias.value.len()
    }

    /// Returns the number of features that the classifier takes.
    pub(crate) fn channels(&self) -> usize {
        self.weight.value.len() / self.classes().max(1)
    }

    pub(crate) fn params(&self) -> [&Param; 2] {
        [&self.weight, &self.bias]
    }

    pub(crate) fn params_mut(&mut self) -> [&mut Param; 2] {
        [&mut self.weight, &mut self.bias]
    }

    pub(crate) fn output_shape(&self, input: Shape) -> Shape {
        Shape {
            channels: self.classes(),
            height: 1,
            width: 1,
            ..input
        }
    }
}
