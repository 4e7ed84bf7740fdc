//! Batch normalisation and augmentation in groups of a batch.

use std::sync::Arc;

use approx::assert_abs_diff_eq;
use scn_data::{Draw, Loader, Normalization};
use scn_net::{Network, NetworkConfig, RunConfig, Sgd, Tensor};

use crate::small;

/// Returns a loader with batches of 16 and 8 digits.
fn loader(config: &RunConfig) -> Loader {
    let digits = Arc::new(small::digits().train.first(24));
    let normalization = Normalization::fit(&digits, config.input.normalization()).unwrap();
    let augmentation = config.augmentation();
    Loader::training(digits, Arc::new(normalization), augmentation, 16, 3).unwrap()
}

fn config() -> RunConfig {
    let mut config = small::config();
    config.network.batch_norm.group = Some(4);
    config.network.batch_norm.affine = true;
    config.input.draw = Draw::Group;
    config
}

fn with_group(config: &RunConfig, group: usize) -> NetworkConfig {
    let mut config = config.network.clone();
    config.batch_norm.group = Some(group);
    config
}

fn numbers(network: &Network) -> Vec<(String, Vec<f32>)> {
    let params = network.params().unwrap();
    params
        .map(|(name, param)| (name, param.value.clone()))
        .collect()
}

/// In training, the batch of 8 images has four groups like the full one, so it is bit-identical to
/// a batch with groups of 2.
#[test]
fn a_smaller_batch_has_as_many_groups_as_a_full_one() {
    let config = config();
    let loader = loader(&config);
    let mut network = Network::new(&config.network, 3).unwrap();
    let mut optimizer = Sgd::new(&config.training);
    let mut losses = Vec::new();
    network
        .train_on(&loader, 0, 2, &mut optimizer, 0.05, &mut |report| {
            losses.push(report.loss)
        })
        .unwrap();

    let mut batches = loader.epoch(0, 0);
    let mut optimizer = Sgd::new(&config.training);
    let mut step = |network: &mut Network| {
        let batch = batches.next().unwrap();
        let images = Tensor::from_batch(&batch).unwrap();
        let report = network.loss_and_gradients(images, &batch.labels).unwrap();
        optimizer.step(network, 0.05).unwrap();
        report.loss
    };
    let mut fours = Network::new(&config.network, 3).unwrap();
    let first = step(&mut fours);
    let mut twos = Network::new(&with_group(&config, 2), 3).unwrap();
    let values = numbers(&fours);
    let mut values = values.iter();
    twos.visit_params_mut(&mut |_, param| param.value.clone_from(&values.next().unwrap().1))
        .unwrap();
    twos.refresh().unwrap();
    let second = step(&mut twos);
    assert_eq!(losses, [first, second]);
    assert_eq!(numbers(&network), numbers(&twos));
}

/// One group is the same as the whole batch. Groups of four images leave out the variance between
/// groups.
#[test]
fn groups_have_moments_of_their_own() {
    let config = config();
    let batch = loader(&config).epoch(0, 0).next().unwrap();
    let moments = |group: Option<usize>| {
        let mut network = config.network.clone();
        network.batch_norm.group = group;
        let mut network = Network::new(&network, 3).unwrap();
        let images = Tensor::from_batch(&batch).unwrap();
        network.loss_and_gradients(images, &batch.labels).unwrap();
        let param = |name: &str| f64::from(network.param(name).unwrap().unwrap().value[0]);
        [param("norm0.mean"), param("norm0.variance")]
    };
    let whole = moments(None);
    assert_eq!(whole, moments(Some(16)));
    let [mean, variance] = moments(Some(4));
    // Groups of equal size have the mean of the batch, up to some roundings, and less variance,
    // because the variance between groups is missing.
    let rounding = 8.0 * f64::from(f32::EPSILON);
    assert_abs_diff_eq!(mean, whole[0], epsilon = rounding * whole[0].abs());
    let pixels = |images: std::ops::Range<usize>| -> f64 {
        let values: Vec<f64> = batch.pixels[images.start * 64..images.end * 64]
            .iter()
            .map(|&x| f64::from(x))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64
    };
    let within = (0..4)
        .map(|group| pixels(4 * group..4 * group + 4))
        .sum::<f64>()
        / 4.0;
    // Running moments start with variance 1 and have moved a tenth of the way.
    let expected = 1.0 + 0.1 * (within - 1.0);
    assert_abs_diff_eq!(variance, expected, epsilon = rounding);
    assert!(within < pixels(0..16));
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let mut config = config();
    let refused = config.set("network.batch_norm.group", "0").unwrap_err();
    assert!(
        refused.to_string().contains("network.batch_norm.group"),
        "{refused}"
    );
    config.network.batch_norm.group = None;
    let refused = config.validate().unwrap_err();
    assert!(refused.to_string().contains("input.draw"), "{refused}");
}
