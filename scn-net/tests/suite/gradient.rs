//! The gradient of a whole network against central differences.

use approx::{abs_diff_eq, assert_abs_diff_eq};
use scn_net::{
    BatchNormConfig, LayerConfig, Network, NetworkConfig, NormPlacement, Recompute, Role, Shape,
    Tensor,
};

use crate::small;

pub(crate) fn images(shape: Shape) -> Tensor {
    let noise = |k: usize| {
        ((k as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1 << 24) as f32
    };
    Tensor::new(
        shape,
        (0..shape.len()).map(|k| 2.0 * noise(k) - 1.0).collect(),
    )
    .unwrap()
}

/// Moves one parameter along a direction and returns the loss.
fn loss_at(
    network: &mut Network,
    name: &str,
    direction: &[f32],
    step: f32,
    images: &Tensor,
    labels: &[u16],
) -> f64 {
    let mut kept = Vec::new();
    network
        .visit_params_mut(&mut |found, param| {
            if found == name {
                kept.clone_from(&param.value);
                param
                    .value
                    .iter_mut()
                    .zip(direction)
                    .for_each(|(value, d)| *value += step * d);
            }
        })
        .unwrap();
    network.refresh().unwrap();
    let loss = network
        .loss_and_gradients(images.clone(), labels)
        .unwrap()
        .loss;
    network
        .visit_params_mut(&mut |found, param| {
            if found == name {
                param.value.clone_from(&kept);
            }
        })
        .unwrap();
    network.refresh().unwrap();
    loss
}

/// A step along the gradient of a parameter changes the loss at the rate of the gradient's norm.
/// Two errors have to be balanced: codes that become active or inactive within the step bend the
/// loss (observed: up to 20 % of the derivative with respect to λ1 at a step of 1e-3, falling with
/// the step), and the f32 loss jitters by about 1e-7 (the codes are solved to 1e-6). Steps of at
/// most 1.5e-4 that change the loss by 1e-4 leave about 1 % of each. A wrong or missing term
/// changes the derivative by tens of percent.
fn check(placement: NormPlacement, per_atom: bool) {
    check_with(placement, per_atom, BatchNormConfig::default());
}

fn check_with(placement: NormPlacement, per_atom: bool, batch_norm: BatchNormConfig) {
    let mut network = network_to_check(|config| {
        config.batch_norm = batch_norm;
        config.batch_norm.placement = placement;
        config.lambda1.per_atom = per_atom;
    });
    let checked = check_gradients(&mut network, &small_images());
    let norms = if placement == NormPlacement::Before {
        4
    } else {
        3
    };
    let learned = if batch_norm.affine { 2 * norms } else { 0 };
    assert_eq!(checked.len(), 3 * 3 + 2 + learned);
}

/// Creates a network of three sparse coding layers with 5, 7 and 6 atoms, after calling
/// `configure`.
pub(crate) fn network_to_check(configure: impl FnOnce(&mut NetworkConfig)) -> Network {
    let mut config = small::config().network;
    config.input = [2, 7, 6];
    config.classes = 3;
    config.lambda1.initial = 0.05;
    config.lambda2 = 0.05;
    config.dictionary = scn_net::DictionaryInit::UnitNorm;
    config.solver.tolerance = 1e-6;
    config.solver.adjoint_tolerance = 1e-6;
    config.solver.max_passes = 2000;
    config.layers = [(5, 1), (7, 2), (6, 1)]
        .map(|(atoms, stride)| LayerConfig::new(atoms, stride))
        .to_vec();
    configure(&mut config);
    let mut network = Network::new(&config, 3).unwrap();
    // The initial classifier is so small that hardly any gradient flows. Scales and shifts should
    // differ from 1 and 0.
    network
        .visit_params_mut(&mut |name, param| {
            let values = param.value.iter_mut();
            if name == "classifier.weight" {
                values.for_each(|value| *value *= 10.0);
            } else if name.ends_with(".scale") {
                values
                    .zip(0u8..)
                    .for_each(|(value, k)| *value = 0.75 + 0.25 * f32::from(k % 3));
            } else if name.ends_with(".shift") {
                values
                    .zip(0u8..)
                    .for_each(|(value, k)| *value = 0.25 - 0.25 * f32::from(k % 3));
            }
        })
        .unwrap();
    network.refresh().unwrap();
    network
}

/// Returns twelve images for that network.
pub(crate) fn small_images() -> Tensor {
    images(Shape {
        channels: 2,
        images: 12,
        height: 7,
        width: 6,
    })
}

/// Checks the gradients with respect to all parameters, and returns the names of these.
pub(crate) fn check_gradients(network: &mut Network, images: &Tensor) -> Vec<String> {
    let labels: Vec<u16> = (0..12).map(|image| image % 3).collect();

    let _ = network.loss_and_gradients(images.clone(), &labels).unwrap();
    let gradients: Vec<(String, Vec<f32>)> = network
        .params()
        .unwrap()
        .filter(|(_, param)| param.role != Role::Statistic)
        .map(|(name, param)| (name, param.grad.clone()))
        .collect();
    let names = gradients.iter().map(|(name, _)| name.clone()).collect();
    for (name, gradient) in gradients {
        let norm = gradient
            .iter()
            .map(|&g| f64::from(g).powi(2))
            .sum::<f64>()
            .sqrt();
        assert!(norm > 1e-4, "{name} has no gradient: {norm}");
        let step = (1e-4 / norm).min(1.5e-4);
        let direction: Vec<f32> = gradient
            .iter()
            .map(|&g| (f64::from(g) / norm) as f32)
            .collect();
        let mut at = |step: f64| loss_at(network, &name, &direction, step as f32, images, &labels);
        let difference = (at(step) - at(-step)) / (2.0 * step);
        let noise = 3e-7 / step;
        assert!(
            abs_diff_eq!(difference, norm, epsilon = 0.02 * norm + noise),
            "{name}: analytic {norm}, difference {difference}, noise {noise}"
        );
    }
    names
}

#[test]
fn normalised_before() {
    check(NormPlacement::Before, false);
}

#[test]
fn normalised_after() {
    check(NormPlacement::After, false);
}

#[test]
fn normalised_in_groups() {
    let mut batch_norm = BatchNormConfig::default();
    batch_norm.group = Some(5);
    check_with(NormPlacement::Before, false, batch_norm);
}

#[test]
fn with_learned_scale_and_shift() {
    for (placement, group) in [
        (NormPlacement::Before, None),
        (NormPlacement::After, Some(5)),
    ] {
        let mut batch_norm = BatchNormConfig::default();
        batch_norm.affine = true;
        batch_norm.group = group;
        check_with(placement, false, batch_norm);
    }
}

#[test]
fn lambda1_per_atom() {
    check(NormPlacement::Before, true);
}

/// All images of a batch count equally: the gradient of the doubled batch is that of the batch.
#[test]
fn a_doubled_batch_has_the_same_gradient() {
    let config = small::config().network;
    let shape = Shape {
        channels: 1,
        images: 16,
        height: 8,
        width: 8,
    };
    let pixels = images(shape).data().to_vec();
    let labels: Vec<u16> = (0..16).map(|image| image % 10).collect();
    let gradient = |times: usize| {
        let mut network = Network::new(&config, 1).unwrap();
        let images = Tensor::from_images(
            &pixels.repeat(times),
            Shape {
                images: 16 * times,
                ..shape
            },
        )
        .unwrap();
        let report = network
            .loss_and_gradients(images, &labels.repeat(times))
            .unwrap();
        let gradients: Vec<f32> = network
            .params()
            .unwrap()
            .flat_map(|(_, param)| param.grad.clone())
            .collect();
        (report.loss, gradients)
    };
    let ((loss, once), (loss_twice, twice)) = (gradient(1), gradient(2));
    assert_abs_diff_eq!(loss, loss_twice, epsilon = 1e-4);
    // Codes are solved to 1e-4, in different tiles.
    let size = once
        .iter()
        .fold(0.0, |largest: f32, g| largest.max(g.abs()));
    for (a, b) in once.iter().zip(&twice) {
        assert_abs_diff_eq!(a, b, epsilon = 1e-2 * size);
    }
}

/// Gradients, moments and reports are bit-identical, whichever activations are kept.
#[test]
fn recomputed_codes_change_nothing() {
    for placement in [NormPlacement::Before, NormPlacement::After] {
        for layers in [1, 2, 5] {
            let mut config = small::config().network;
            config.batch_norm.placement = placement;
            config.batch_norm.group = (layers == 5).then_some(4);
            config.batch_norm.affine = layers == 5;
            config.layers = [(6, 1), (9, 1), (6, 2), (8, 1), (7, 1)][..layers]
                .iter()
                .map(|&(atoms, stride)| LayerConfig::new(atoms, stride))
                .collect();
            let images = images(Shape {
                channels: 1,
                images: 9,
                height: 8,
                width: 8,
            });
            let labels: Vec<u16> = (0..9).collect();
            let [kept, again] = [Recompute::Nothing, Recompute::Codes].map(|recompute| {
                let mut network = Network::new(&config, 5).unwrap();
                network.set_recompute(recompute);
                let report = network.loss_and_gradients(images.clone(), &labels);
                let params = network.params().unwrap();
                let numbers: Vec<(String, Vec<f32>, Vec<f32>)> = params
                    .map(|(name, param)| (name, param.value.clone(), param.grad.clone()))
                    .collect();
                (report.unwrap(), numbers)
            });
            assert_eq!(kept, again);
        }
    }
}
