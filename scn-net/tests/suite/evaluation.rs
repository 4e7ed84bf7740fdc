use std::ops::ControlFlow;
use std::sync::Arc;

use approx::{abs_diff_eq, assert_abs_diff_eq};
use scn_data::{Batch, Loader, Normalization};
use scn_net::{Device, Network, SolverMethod, Tensor, evaluate, evaluate_each, probabilities};

use crate::small;

/// The callback of an evaluation sees every image once, in order, with the logits that determine
/// its class.
#[test]
fn an_evaluation_shows_what_it_counts() {
    let config = small::config();
    let network = Network::new(&config.network, 0).unwrap();
    let test = Arc::new(small::digits().test.first(48));
    let normalization = Normalization::fit(&test, config.input.normalization()).unwrap();
    let loader = Loader::in_order(Arc::clone(&test), Arc::new(normalization), 20).unwrap();
    let device = Device::cpu(Some(2)).unwrap();
    let mut seen = Vec::new();
    let mut right = 0;
    let watched = evaluate_each(&network, &loader, &device, &mut |logits, labels| {
        for (image, &label) in labels.iter().enumerate() {
            let probabilities = probabilities(logits, image);
            let own = probabilities[usize::from(label)];
            right += usize::from(probabilities.iter().all(|&other| other <= own));
            seen.push(label);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen, test.labels());
    assert_abs_diff_eq!(watched.error, 1.0 - right as f64 / 48.0, epsilon = 1e-12);
    let plain = evaluate(&network, &loader, &device).unwrap();
    assert_eq!(
        (plain.loss, plain.confusion, plain.active),
        (watched.loss, watched.confusion, watched.active)
    );
}

/// Returns the first twenty test digits.
fn batch() -> Batch {
    let test = Arc::new(small::digits().test.first(20));
    let normalization = Normalization::fit(&test, small::config().input.normalization()).unwrap();
    let loader = Loader::in_order(test, Arc::new(normalization), 20).unwrap();
    loader.epoch(0, 0).next().unwrap()
}

#[test]
fn codes_are_those_of_inference() {
    let config = small::config();
    let network = Network::new(&config.network, 0).unwrap();
    let batch = batch();
    let images = || Tensor::from_batch(&batch).unwrap();
    let (_, activity) = network.infer(images()).unwrap();
    for (h, (layer, activity)) in config.network.layers.iter().zip(&activity).enumerate() {
        let codes = network.codes(images(), h).unwrap();
        assert_eq!(codes.shape().channels, layer.atoms);
        assert_eq!(codes.shape().positions(), activity.columns);
        let active = codes.data().iter().filter(|&&code| code != 0.0).count();
        let share = active as f64 / codes.data().len() as f64;
        assert_abs_diff_eq!(share, activity.active, epsilon = 1e-12);
    }
    let message = network.codes(images(), 2).unwrap_err().to_string();
    assert!(message.contains("layer2"), "{message}");
}

/// Each method reaches the tolerance, and stops after two passes if no more are allowed, whatever
/// the tolerance.
#[test]
fn every_method_finds_the_same_codes() {
    let network = small::config().network;
    let batch = batch();
    let infer = |method, tolerance, max_passes| {
        let mut config = network.clone();
        config.solver.method = method;
        config.solver.tolerance = tolerance;
        config.solver.max_passes = max_passes;
        let network = Network::new(&config, 0).unwrap();
        network.infer(Tensor::from_batch(&batch).unwrap()).unwrap()
    };
    let conditions = Network::new(&network, 0).unwrap().conditions().unwrap();
    assert!(
        conditions.iter().all(|&condition| condition < 1e3),
        "{conditions:?}"
    );
    let (expected, _) = infer(SolverMethod::Auto, 1e-6, 5000);
    let largest = expected.data().iter().fold(0.0, |a: f32, b| a.max(b.abs()));
    for method in [
        SolverMethod::CoordinateDescent,
        SolverMethod::Fista,
        SolverMethod::FistaWithoutRestart,
    ] {
        let (logits, activity) = infer(method, 1e-6, 5000);
        for layer in &activity {
            assert!(
                layer.residual <= 1e-6 && layer.unconverged == 0,
                "{method:?}: {layer:?}"
            );
        }
        // The error of the codes is at most the residual times the condition number of H, in each
        // of two layers.
        for (found, expected) in logits.data().iter().zip(expected.data()) {
            assert!(
                abs_diff_eq!(found, expected, epsilon = 2e-3 * largest),
                "{method:?}"
            );
        }
        for layer in infer(method, 1e-12, 2).1 {
            assert!(
                layer.passes == 2.0 && layer.unconverged > 0,
                "{method:?}: {layer:?}"
            );
        }
    }
}
