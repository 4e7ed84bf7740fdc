//! Batch normalisation on a device.

use std::ops::Range;

use scn_gpu::layers::batch_norm::{self, Affine, AffineGradients, Groups};

use super::contexts::{BackwardContext, BatchMoments, ForwardContext};
use super::inventory::Inventory;
use super::map::Map;
use crate::error::NetError;
use crate::layer::batch_norm::{BatchNorm, ScaleAndShift};
use crate::moments::{ChannelMoments, GroupMoments};
use crate::shape::Shape;

/// A batch normalisation.
#[derive(Debug)]
pub(super) struct Norm {
    /// Index of the layer's first moment in a row of moments.
    pub(super) moments: usize,
    pub(super) channels: usize,
    pub(super) epsilon: f32,
    /// Indices of scale and shift, if these are learned.
    pub(super) affine: Option<[usize; 2]>,
}

impl Norm {
    /// Reserves places for the layer in the inventory.
    pub(super) fn new(layer: &BatchNorm, inventory: &mut Inventory) -> Self {
        let channels = layer.channels();
        let affine = layer.affine.as_ref();
        Self {
            moments: inventory.moments(channels),
            channels,
            epsilon: layer.epsilon,
            affine: affine.map(|ScaleAndShift { scale, shift }| {
                [scale, shift].map(|param| inventory.parameter(param))
            }),
        }
    }

    /// Returns the ranges of the means and the variances in a row of moments.
    pub(super) fn ranges(&self) -> [Range<usize>; 2] {
        let [mean, variance, end] = [0, 1, 2].map(|half| self.moments + half * self.channels);
        [mean..variance, variance..end]
    }

    fn groups(&self, shape: Shape, moments: &BatchMoments) -> Groups {
        Groups {
            images: shape.images,
            plane: shape.height * shape.width,
            count: moments.groups,
        }
    }

    pub(super) fn forward(
        &self,
        x: &Map,
        output: &mut Map,
        pass: &mut ForwardContext<'_>,
    ) -> Result<(), NetError> {
        let (x_data, y) = (&x.data, &mut output.data);
        let values = &pass.weights.parameters.values;
        let affine = match self.affine {
            Some([scale, shift]) => Some(Affine {
                scale: values.get(scale)?,
                shift: values.get(shift)?,
            }),
            None => None,
        };
        match &mut pass.moments {
            None => {
                let running = &pass.weights.running;
                let [mean, variance] = self.ranges();
                let (mean, variance) = (running.range(mean)?, running.range(variance)?);
                batch_norm::normalize(x_data, mean, variance, affine, self.epsilon, y)?;
            }
            Some(moments) => {
                let groups = self.groups(x.shape, moments);
                let (len, stride) = (moments.rows.len(), moments.stride);
                let rows = moments.rows.range_mut(self.moments.min(len)..len)?;
                batch_norm::forward(x_data, groups, affine, self.epsilon, rows, stride, y)?;
            }
        }
        Ok(())
    }

    /// Replaces the gradients of scale and shift.
    pub(super) fn backward(
        &self,
        input: &Map,
        dy: &Map,
        dx: &mut Map,
        pass: &mut BackwardContext<'_>,
    ) -> Result<(), NetError> {
        let moments = pass.moments;
        let groups = self.groups(input.shape, moments);
        let (len, stride) = (moments.rows.len(), moments.stride);
        let rows = moments.rows.range(self.moments.min(len)..len)?;
        let parameters = &mut pass.weights.parameters;
        let affine = match self.affine {
            Some([scale, shift]) => {
                let (by_scale, by_shift) = parameters.gradients.pair_mut(scale, shift)?;
                Some(AffineGradients {
                    scale: parameters.values.get(scale)?,
                    by_scale,
                    by_shift,
                })
            }
            None => None,
        };
        let (x, dy, dx) = (&input.data, &dy.data, &mut dx.data);
        batch_norm::backward(x, groups, affine, self.epsilon, rows, stride, dy, dx)?;
        Ok(())
    }

    /// Returns the layer's moments in each row of a batch, whose groups have these numbers of
    /// images.
    pub(super) fn of_rows(
        &self,
        rows: &[f32],
        stride: usize,
        groups: impl Iterator<Item = usize>,
    ) -> Vec<GroupMoments> {
        let of_group = |(row, images): (&[f32], usize)| {
            let [mean, variance] = self.ranges().map(|range| row[range].to_vec());
            GroupMoments {
                images,
                moments: ChannelMoments { mean, variance },
            }
        };
        let rows = rows.chunks_exact(stride.max(1));
        rows.zip(groups).map(of_group).collect()
    }
}
