//! A step of a network: a layer and its name.

use crate::error::{LayerError, NetError};
use crate::layer::batch_norm::{self, BatchNorm};
use crate::layer::classifier::{self, Classifier};
use crate::layer::sparse_coding::{self, SparseCoding};
use crate::layer::{Layer, average_pooling};
use crate::param::Param;
use crate::shape::Shape;

/// A layer with its name in the model file.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) layer: StepLayer,
}

/// The kinds of layers that a network can have. Each device has a source file for each kind.
#[derive(Debug)]
pub(crate) enum StepLayer {
    SparseCoding(SparseCoding),
    BatchNorm(BatchNorm),
    AveragePooling,
    Classifier(Classifier),
    Custom(Box<dyn Layer>),
}

impl Step {
    /// Returns the arrays of the layer with their names within the layer.
    fn named_params(&self) -> Vec<(&'static str, &Param)> {
        match &self.layer {
            StepLayer::SparseCoding(layer) => zip(&sparse_coding::NAMES, layer.params()),
            StepLayer::BatchNorm(layer) => {
                zip(batch_norm::names(layer.affine.is_some()), layer.params())
            }
            StepLayer::AveragePooling => Vec::new(),
            StepLayer::Classifier(layer) => zip(&classifier::NAMES, layer.params()),
            StepLayer::Custom(layer) => layer.params(),
        }
    }

    /// Returns the arrays of the layer with their names in the model file.
    pub(crate) fn params(&self) -> impl Iterator<Item = (String, &Param)> {
        let params = self.named_params().into_iter();
        params.map(|(param, value)| (format!("{}.{param}", self.name), value))
    }

    /// Returns the arrays of the layer as mutable references, in the same order.
    pub(crate) fn params_mut(&mut self) -> Vec<&mut Param> {
        match &mut self.layer {
            StepLayer::SparseCoding(layer) => layer.params_mut().into(),
            StepLayer::BatchNorm(layer) => layer.params_mut(),
            StepLayer::AveragePooling => Vec::new(),
            StepLayer::Classifier(layer) => layer.params_mut().into(),
            StepLayer::Custom(layer) => {
                let params = layer.params_mut().into_iter();
                params.map(|(_, param)| param).collect()
            }
        }
    }

    /// Whether any array of the layer has a gradient.
    pub(crate) fn learns(&self) -> bool {
        let params = self.named_params();
        params.iter().any(|(_, param)| !param.grad.is_empty())
    }

    /// Returns the shape of the output for an input of this shape.
    ///
    /// # Errors
    /// Returns an error if the layer does not accept the input.
    pub(crate) fn output_shape(&self, input: Shape) -> Result<Shape, NetError> {
        let expect = |channels: usize| {
            if channels == input.channels {
                return Ok(());
            }
            Err(NetError::Channels {
                layer: self.name.clone(),
                expected: channels,
                found: input.channels,
            })
        };
        match &self.layer {
            StepLayer::SparseCoding(layer) => {
                expect(layer.channels())?;
                Ok(layer.output_shape(input))
            }
            StepLayer::BatchNorm(layer) => expect(layer.channels()).map(|()| input),
            StepLayer::AveragePooling => Ok(average_pooling::output_shape(input)),
            StepLayer::Classifier(layer) => {
                expect(layer.channels())?;
                Ok(layer.output_shape(input))
            }
            StepLayer::Custom(layer) => {
                let shape = layer.output_shape(input);
                shape.map_err(|source| self.failed(source))
            }
        }
    }

    /// Wraps an error of a custom layer.
    pub(crate) fn failed(&self, source: LayerError) -> NetError {
        NetError::Layer {
            layer: self.name.clone(),
            source,
        }
    }
}

fn zip<'a>(
    names: &[&'static str],
    params: impl IntoIterator<Item = &'a Param>,
) -> Vec<(&'static str, &'a Param)> {
    names.iter().copied().zip(params).collect()
}
