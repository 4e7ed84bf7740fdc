//! Batch normalisation, with running or re-estimated moments.

use super::{Activity, AdjointActivity, Layer, Saved, wrong_saved};
use crate::NetError;
use crate::config::BatchNormConfig;
#[cfg(feature = "cuda")]
use crate::cuda::{CudaLayer, Inventory, Norm};
use crate::ops::batch_norm::{self, Affine, ChannelMoments, GroupMoments};
use crate::param::{Param, Role};
use crate::tensor::Tensor;

/// Batch normalisation. Training uses the moments of groups of the batch; inference those of the training data, kept as `mean` and
/// `variance`.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    rate: f32,
    epsilon: f32,
    learned: Option<ScaleAndShift>,
    mean: Param,
    variance: Param,
    collected: Option<Collected>,
}

#[derive(Debug)]
struct ScaleAndShift {
    scale: Param,
    shift: Param,
}

/// Sums over images, of the mean and of the mean square of their groups.
#[derive(Debug)]
struct Collected {
    images: usize,
    mean: Vec<f64>,
    square: Vec<f64>,
}

impl BatchNorm {
    /// With mean 0 and variance 1, scale 1 and shift 0.
    pub(crate) fn new(channels: usize, config: &BatchNormConfig) -> Self {
        let all = |value, role| Param::new(vec![channels], vec![value; channels], role);
        let role = Role::Learned {
            rate: 1.0,
            nonnegative: false,
        };
        Self {
            rate: config.rate,
            epsilon: config.epsilon,
            learned: config.affine.then(|| ScaleAndShift {
                scale: all(1.0, role),
                shift: all(0.0, role),
            }),
            mean: all(0.0, Role::Statistic),
            variance: all(1.0, Role::Statistic),
            collected: None,
        }
    }

    fn affine(&self) -> Option<Affine<'_>> {
        self.learned.as_ref().map(|learned| Affine {
            scale: &learned.scale.value,
            shift: &learned.shift.value,
        })
    }
}

impl Layer for BatchNorm {
    fn infer(&self, x: Tensor) -> Result<(Tensor, Option<Activity>), NetError> {
        let moments = ChannelMoments {
            mean: self.mean.value.clone(),
            variance: self.variance.value.clone(),
        };
        let y = batch_norm::normalize(x, &moments, self.affine(), self.epsilon);
        Ok((y, None))
    }

    fn forward(
        &self,
        x: Tensor,
        groups: usize,
    ) -> Result<(Tensor, Saved, Option<Activity>), NetError> {
        let (y, moments) = batch_norm::forward(&x, groups, self.affine(), self.epsilon);
        Ok((y, Saved::Normalized { input: x, moments }, None))
    }

    fn backward(
        &mut self,
        saved: Saved,
        dy: Tensor,
    ) -> Result<(Tensor, Option<AdjointActivity>), NetError> {
        let Saved::Normalized { input, moments } = saved else {
            return Err(wrong_saved("the batch normalisation"));
        };
        let scale = self.affine().map(|affine| affine.scale);
        let gradients = batch_norm::backward(&input, &moments, scale, self.epsilon, dy);
        if let Some(learned) = &mut self.learned {
            let add = |param: &mut Param, gradient: &[f32]| {
                for (sum, &part) in param.grad.iter_mut().zip(gradient) {
                    *sum += part;
                }
            };
            add(&mut learned.scale, &gradients.scale);
            add(&mut learned.shift, &gradients.shift);
        }
        Ok((gradients.x, None))
    }

    fn record(&mut self, groups: &[GroupMoments]) {
        if let Some(collected) = &mut self.collected {
            groups.iter().for_each(|group| collected.add(group));
            return;
        }
        let images: usize = groups.iter().map(|group| group.images).sum();
        let blend = |running: &mut [f32], of_group: fn(&ChannelMoments) -> &[f32]| {
            for (channel, running) in running.iter_mut().enumerate() {
                let mean = groups.iter().fold(0.0, |mean, group| {
                    let weight = group.images as f32 / images as f32;
                    weight * of_group(&group.moments)[channel] + mean
                });
                *running += self.rate * (mean - *running);
            }
        };
        if images > 0 {
            blend(&mut self.mean.value, |moments| &moments.mean);
            blend(&mut self.variance.value, |moments| &moments.variance);
        }
    }

    #[cfg(feature = "cuda")]
    fn to_cuda(&self, inventory: &mut Inventory) -> CudaLayer {
        let channels = self.mean.value.len();
        let learned = self.learned.as_ref();
        CudaLayer::BatchNorm(Norm {
            moments: inventory.moments(channels),
            channels,
            epsilon: self.epsilon,
            affine: learned.map(|ScaleAndShift { scale, shift }| {
                [scale, shift].map(|param| inventory.parameter(param))
            }),
        })
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        let learned = self.learned.iter();
        learned
            .flat_map(|learned| [("scale", &learned.scale), ("shift", &learned.shift)])
            .chain([("mean", &self.mean), ("variance", &self.variance)])
            .collect()
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        let learned = self.learned.iter_mut();
        learned
            .flat_map(|learned| [("scale", &mut learned.scale), ("shift", &mut learned.shift)])
            .chain([("mean", &mut self.mean), ("variance", &mut self.variance)])
            .collect()
    }

    fn collect_moments(&mut self) {
        let zeros = vec![0.0; self.mean.value.len()];
        self.collected = Some(Collected {
            images: 0,
            mean: zeros.clone(),
            square: zeros,
        });
    }

    fn finish_moments(&mut self) {
        let Some(collected) = self
            .collected
            .take()
            .filter(|collected| collected.images > 0)
        else {
            return;
        };
        let images = collected.images as f64;
        for channel in 0..collected.mean.len() {
            // The variance of all is that within the groups plus that between them.
            let mean = collected.mean[channel] / images;
            let variance = (collected.square[channel] / images - mean * mean).max(0.0);
            self.mean.value[channel] = mean as f32;
            self.variance.value[channel] = variance as f32;
        }
    }
}

impl Collected {
    fn add(&mut self, group: &GroupMoments) {
        let weight = group.images as f64;
        let ChannelMoments { mean, variance } = &group.moments;
        for (channel, (&mean, &variance)) in mean.iter().zip(variance).enumerate() {
            let (mean, variance) = (f64::from(mean), f64::from(variance));
            self.mean[channel] += weight * mean;
            self.square[channel] += weight * (variance + mean * mean);
        }
        self.images += group.images;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    fn pass(layer: &mut BatchNorm, values: &[f32], groups: usize) {
        let shape = Shape {
            channels: 1,
            images: values.len(),
            height: 1,
            width: 1,
        };
        let batch = Tensor::new(shape, values.to_vec()).unwrap();
        let (_, saved, _) = layer.forward(batch, groups).unwrap();
        layer.record(saved.moments().unwrap());
    }

    /// Moments collected over batches are those of all images at once, however these are divided; with running moments they are blended.
    #[test]
    fn collected_moments_are_those_of_all_batches() {
        let moments = |layer: &BatchNorm| (layer.mean.value[0], layer.variance.value[0]);
        let mut layer = BatchNorm::new(1, &BatchNormConfig::default());
        pass(&mut layer, &[1.0, 2.0, 3.0, 4.0], 1);
        assert_eq!(moments(&layer), (0.25, 1.025));
        for groups in [1, 2, 4] {
            layer.collect_moments();
            pass(&mut layer, &[1.0, 2.0, 3.0, 4.0, 5.0], groups);
            pass(&mut layer, &[6.0, 7.0, 8.0], groups);
            layer.finish_moments();
            assert_eq!(moments(&layer), (4.5, 5.25), "{groups} groups");
        }
    }

    /// Groups 1, 3 and 5, 9, 4 have the means 2 and 6, the variances 1 and 14 / 3, and the weights 2 / 5 and 3 / 5.
    #[test]
    fn running_moments_follow_the_mean_over_groups() {
        let mut layer = BatchNorm::new(1, &BatchNormConfig::default());
        layer.rate = 1.0;
        pass(&mut layer, &[1.0, 3.0, 5.0, 9.0, 4.0], 2);
        let error = |found: f32, expected: f64| (f64::from(found) - expected).abs() / expected;
        // A few roundings to f32.
        assert!(error(layer.mean.value[0], 4.4) < 4.0 * f64::from(f32::EPSILON));
        assert!(error(layer.variance.value[0], 3.2) < 4.0 * f64::from(f32::EPSILON));
    }
}
