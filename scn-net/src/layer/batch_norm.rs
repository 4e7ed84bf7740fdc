//! Batch normalisation, with running or re-estimated moments.

use crate::config::BatchNormConfig;
use crate::moments::{ChannelMoments, GroupMoments};
use crate::param::{Param, Role};

/// Batch normalisation. Training uses the moments of groups of the batch; inference uses those of
/// the training data, stored in `mean` and `variance`.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    rate: f32,
    pub(crate) epsilon: f32,
    pub(crate) affine: Option<ScaleAndShift>,
    pub(crate) mean: Param,
    pub(crate) variance: Param,
    collected: Option<Collected>,
}

/// The learned scale and shift of each channel.
#[derive(Debug)]
pub(crate) struct ScaleAndShift {
    pub(crate) scale: Param,
    pub(crate) shift: Param,
}

/// Sums, over images, of the mean and the mean square of their groups.
#[derive(Debug)]
struct Collected {
    images: usize,
    mean: Vec<f64>,
    square: Vec<f64>,
}

/// Returns the names of the arrays: learned ones first, if there are any, then moments.
pub(crate) fn names(affine: bool) -> &'static [&'static str] {
    const NAMES: [&str; 4] = ["scale", "shift", "mean", "variance"];
    if affine { &NAMES } else { &NAMES[2..] }
}

impl BatchNorm {
    /// Creates a layer with mean 0 and variance 1, scale 1 and shift 0.
    pub(crate) fn new(channels: usize, config: &BatchNormConfig) -> Self {
        let all = |value, role| Param::new(vec![channels], vec![value; channels], role);
        Self {
            rate: config.rate,
            epsilon: config.epsilon,
            affine: config.affine.then(|| ScaleAndShift {
                scale: all(1.0, Role::learned()),
                shift: all(0.0, Role::learned()),
            }),
            mean: all(0.0, Role::Statistic),
            variance: all(1.0, Role::Statistic),
            collected: None,
        }
    }

    pub(crate) fn channels(&self) -> usize {
        self.mean.value.len()
    }

    pub(crate) fn params(&self) -> Vec<&Param> {
        let affine = self.affine.iter();
        affine
            .flat_map(|affine| [&affine.scale, &affine.shift])
            .chain([&self.mean, &self.variance])
            .collect()
    }

    pub(crate) fn params_mut(&mut self) -> Vec<&mut Param> {
        let affine = self.affine.iter_mut();
        affine
            .flat_map(|affine| [&mut affine.scale, &mut affine.shift])
            .chain([&mut self.mean, &mut self.variance])
            .collect()
    }

    /// Records the moments of the groups of a training batch.
    pub(crate) fn record(&mut self, groups: &[GroupMoments]) {
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

    /// Sums up moments from now on until [`finish_moments`](Self::finish_moments), instead of
    /// updating running averages.
    pub(crate) fn collect_moments(&mut self) {
        let zeros = vec![0.0; self.mean.value.len()];
        self.collected = Some(Collected {
            images: 0,
            mean: zeros.clone(),
            square: zeros,
        });
    }

    /// Replaces the running moments by those of all batches since
    /// [`collect_moments`](Self::collect_moments).
    pub(crate) fn finish_moments(&mut self) {
        let Some(collected) = self
            .collected
            .take()
            .filter(|collected| collected.images > 0)
        else {
            return;
        };
        let images = collected.images as f64;
        for channel in 0..collected.mean.len() {
            // The total variance is the variance within the groups plus that between them.
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
    use approx::assert_abs_diff_eq;

    use super::*;

    /// Records a batch of one channel with these values, one per image, in `groups` groups.
    fn pass(layer: &mut BatchNorm, values: &[f32], groups: usize) {
        let of_group = |group: std::ops::Range<usize>| {
            let values = &values[group];
            let count = values.len() as f32;
            let mean = values.iter().sum::<f32>() / count;
            let square = values
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f32>();
            GroupMoments {
                images: values.len(),
                moments: ChannelMoments {
                    mean: vec![mean],
                    variance: vec![square / count],
                },
            }
        };
        let groups: Vec<_> = scn_data::groups(values.len(), groups)
            .map(of_group)
            .collect();
        layer.record(&groups);
    }

    /// Moments collected over batches are those of all images together, for any division into
    /// groups. Running moments are blended.
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

    /// The groups (1, 3) and (5, 9, 4) have the means 2 and 6, the variances 1 and 14 / 3, and the
    /// weights 2 / 5 and 3 / 5.
    #[test]
    fn running_moments_follow_the_mean_over_groups() {
        let mut layer = BatchNorm::new(1, &BatchNormConfig::default());
        layer.rate = 1.0;
        pass(&mut layer, &[1.0, 3.0, 5.0, 9.0, 4.0], 2);
        // A few roundings to f32.
        let rounding = 4.0 * f64::from(f32::EPSILON);
        let (mean, variance) = (layer.mean.value[0], layer.variance.value[0]);
        assert_abs_diff_eq!(f64::from(mean), 4.4, epsilon = rounding * 4.4);
        assert_abs_diff_eq!(f64::from(variance), 3.2, epsilon = rounding * 3.2);
    }
}
