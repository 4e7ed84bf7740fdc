//! Batch normalisation, with running or re-estimated moments.

use super::{Activity, AdjointActivity, Layer, Saved, wrong_saved};
use crate::NetError;
#[cfg(feature = "cuda")]
use crate::cuda::{CudaLayer, Inventory, Norm};
use crate::ops::batch_norm::{self, ChannelMoments};
use crate::param::{Param, Role};
use crate::tensor::Tensor;

/// Batch normalisation with scale 1 and shift 0. Training uses the moments of the batch; inference those of the training
/// data, kept as `mean` and `variance`.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    rate: f32,
    epsilon: f32,
    mean: Param,
    variance: Param,
    collected: Option<Collected>,
}

/// Sums over batches of equal weight, of the mean and of the mean square.
#[derive(Debug)]
struct Collected {
    batches: u32,
    mean: Vec<f64>,
    square: Vec<f64>,
}

impl BatchNorm {
    /// With mean 0 and variance 1. `rate` is the weight of a batch in the running moments.
    pub(crate) fn new(channels: usize, rate: f32, epsilon: f32) -> Self {
        Self {
            rate,
            epsilon,
            mean: Param::new(vec![channels], vec![0.0; channels], Role::Statistic),
            variance: Param::new(vec![channels], vec![1.0; channels], Role::Statistic),
            collected: None,
        }
    }
}

impl Layer for BatchNorm {
    fn infer(&self, x: Tensor) -> Result<(Tensor, Option<Activity>), NetError> {
        let moments = ChannelMoments {
            mean: self.mean.value.clone(),
            variance: self.variance.value.clone(),
        };
        Ok((batch_norm::normalize(x, &moments, self.epsilon), None))
    }

    fn forward(&self, x: Tensor) -> Result<(Tensor, Saved, Option<Activity>), NetError> {
        let (output, moments) = batch_norm::forward(&x, self.epsilon);
        Ok((output.clone(), Saved::Normalized { output, moments }, None))
    }

    fn backward(
        &mut self,
        saved: Saved,
        dy: Tensor,
    ) -> Result<(Tensor, Option<AdjointActivity>), NetError> {
        let Saved::Normalized { output, moments } = saved else {
            return Err(wrong_saved("the batch normalisation"));
        };
        let dx = batch_norm::backward(&output, &moments.variance, self.epsilon, dy);
        Ok((dx, None))
    }

    fn record(&mut self, moments: &ChannelMoments) {
        if let Some(collected) = &mut self.collected {
            collected.batches += 1;
            for channel in 0..moments.mean.len() {
                let (mean, variance) = (
                    f64::from(moments.mean[channel]),
                    f64::from(moments.variance[channel]),
                );
                collected.mean[channel] += mean;
                collected.square[channel] += variance + mean * mean;
            }
        } else {
            let blend = |running: &mut [f32], batch: &[f32]| {
                for (running, &batch) in running.iter_mut().zip(batch) {
                    *running += self.rate * (batch - *running);
                }
            };
            blend(&mut self.mean.value, &moments.mean);
            blend(&mut self.variance.value, &moments.variance);
        }
    }

    #[cfg(feature = "cuda")]
    fn to_cuda(&self, inventory: &mut Inventory) -> CudaLayer {
        let channels = self.mean.value.len();
        CudaLayer::BatchNorm(Norm {
            moments: inventory.moments(channels),
            channels,
            epsilon: self.epsilon,
        })
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        vec![("mean", &self.mean), ("variance", &self.variance)]
    }

    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)> {
        vec![("mean", &mut self.mean), ("variance", &mut self.variance)]
    }

    fn collect_moments(&mut self) {
        let zeros = vec![0.0; self.mean.value.len()];
        self.collected = Some(Collected {
            batches: 0,
            mean: zeros.clone(),
            square: zeros,
        });
    }

    fn finish_moments(&mut self) {
        let Some(collected) = self
            .collected
            .take()
            .filter(|collected| collected.batches > 0)
        else {
            return;
        };
        let batches = f64::from(collected.batches);
        for channel in 0..collected.mean.len() {
            // The variance of all is that within the batches plus that between them.
            let mean = collected.mean[channel] / batches;
            let variance = (collected.square[channel] / batches - mean * mean).max(0.0);
            self.mean.value[channel] = mean as f32;
            self.variance.value[channel] = variance as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Shape;

    /// Moments collected over batches are those of all images at once; with running moments they are blended.
    #[test]
    fn collected_moments_are_those_of_all_batches() {
        let shape = Shape {
            channels: 1,
            images: 4,
            height: 1,
            width: 1,
        };
        let batch = |values: [f32; 4]| Tensor::new(shape, values.to_vec()).unwrap();
        let mut layer = BatchNorm::new(1, 0.1, 1e-4);
        let pass = |layer: &mut BatchNorm, values| {
            let (_, saved, _) = layer.forward(batch(values)).unwrap();
            layer.record(saved.moments().unwrap());
        };
        pass(&mut layer, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(
            (layer.mean.value[0], layer.variance.value[0]),
            (0.25, 1.025)
        );
        layer.collect_moments();
        pass(&mut layer, [1.0, 2.0, 3.0, 4.0]);
        pass(&mut layer, [5.0, 6.0, 7.0, 8.0]);
        layer.finish_moments();
        assert_eq!((layer.mean.value[0], layer.variance.value[0]), (4.5, 5.25));
    }
}
