//! Steps and batches that are issued without waiting for the previous one.

use std::sync::Arc;

use approx::assert_abs_diff_eq;
use scn_data::{Augmentation, Draw, Loader, Normalization};
use scn_net::{NetError, Network, Sgd, SolverMethod, StepReport, Tensor};

use super::{config, cuda};
use crate::small;

/// Returns a loader of digits for training, with batches of 40, 40 and 16 images, flipped and
/// shifted.
fn loader(contrast: Option<f64>) -> Loader {
    let digits = Arc::new(small::digits().train.first(96));
    let mut config = config().input.normalization();
    config.contrast = contrast;
    let normalization = Normalization::fit(&digits, config).unwrap();
    let augmentation = Augmentation::default()
        .with_flip(true)
        .with_shift(1)
        .with_draw(Draw::Image)
        .with_group(0);
    Loader::training(digits, Arc::new(normalization), augmentation, 40, 3).unwrap()
}

/// Steps without waiting are bit-identical to steps one by one with batches made on the CPU. Images
/// stay on the device or, if contrast-normalised, are copied there. The third step of a batch size
/// is recorded.
#[test]
fn steps_in_a_row_are_those_one_by_one() {
    let Some(device) = cuda() else { return };
    let mut config = config();
    for (contrast, method) in [
        (None, SolverMethod::Auto),
        (None, SolverMethod::Fista),
        (Some(10.0), SolverMethod::Auto),
    ] {
        config.network.solver.method = method;
        let loader = loader(contrast);
        let [mut row, mut single] = [(); 2].map(|()| {
            let mut network = Network::new(&config.network, 3).unwrap();
            network.move_to(&device).unwrap();
            (network, Sgd::new(&config.training), Vec::new())
        });
        for epoch in 0..4 {
            // A recorded step has to follow the changed tolerances.
            let mut solver = config.network.solver;
            solver.tolerance *= 1.0 + epoch as f32;
            for (network, ..) in [&mut row, &mut single] {
                network.solve_with(&solver).unwrap();
            }
            let rate = 0.05 / (1.0 + epoch as f64);
            let (network, optimizer, reports) = &mut row;
            let mut keep = |report: &StepReport| reports.push(report.clone());
            network
                .train_on(&loader, epoch, usize::MAX, optimizer, rate, &mut keep)
                .unwrap();
            let (network, optimizer, reports) = &mut single;
            for batch in loader.epoch(epoch, 0) {
                let images = Tensor::from_batch(&batch).unwrap();
                reports.push(network.loss_and_gradients(images, &batch.labels).unwrap());
                optimizer.step(network, rate).unwrap();
            }
        }
        assert_eq!(row.2.len(), 12);
        assert_eq!(row.2, single.2);
        for ((name, found), (_, expected)) in
            row.0.params().unwrap().zip(single.0.params().unwrap())
        {
            assert_eq!(found.value, expected.value, "{name}");
            assert_eq!(found.grad, expected.grad, "{name}");
        }
    }
}

/// Losses with groups match those of the CPU on the same loader, whose last batch is smaller.
#[test]
fn groups_in_a_row_are_the_same_as_here() {
    let Some(device) = cuda() else { return };
    let mut config = config();
    config.network.batch_norm.group = Some(10);
    config.network.batch_norm.affine = true;
    let [expected, found] = [None, Some(device)].map(|device| {
        let mut network = Network::new(&config.network, 3).unwrap();
        if let Some(device) = device {
            network.move_to(&device).unwrap();
        }
        let (mut optimizer, mut losses) = (Sgd::new(&config.training), Vec::new());
        let mut keep = |report: &StepReport| losses.push(report.loss);
        network
            .train_on(&loader(None), 0, 3, &mut optimizer, 0.05, &mut keep)
            .unwrap();
        losses
    });
    assert_eq!(found.len(), 3);
    // The tolerance is that of `runs_move_between_devices`. Two groups instead of four in the last
    // batch would change the loss by a tenth.
    for (found, expected) in found.iter().zip(&expected) {
        assert_abs_diff_eq!(found, expected, epsilon = 1e-2 * expected);
    }
}

/// Inference without waiting gives the same results as batch by batch.
#[test]
fn batches_in_a_row_are_inferred_as_one_by_one() {
    let Some(device) = cuda() else { return };
    let mut network = Network::new(&config().network, 3).unwrap();
    network.move_to(&device).unwrap();
    for contrast in [None, Some(10.0)] {
        let loader = loader(contrast);
        // The second time, the images are already on the device.
        for _ in 0..2 {
            let mut batches = loader.epoch(0, 0);
            let mut count = 0;
            network
                .infer_on(&loader, 3, &mut |logits, labels, activity| {
                    let batch = batches.next().unwrap();
                    let images = Tensor::from_batch(&batch).unwrap();
                    assert_eq!(labels, batch.labels);
                    // This inference must not disturb a batch in flight.
                    let (expected, done) = network.infer(images).unwrap();
                    assert_eq!((logits, activity), (expected, done));
                    count += 1;
                    Ok(())
                })
                .unwrap();
            assert_eq!(count, 3);
        }
    }
}

/// A network refuses images of a different shape at once on both devices. On a GPU, the plans of
/// batches do not contain the images.
#[test]
fn images_of_another_shape_are_refused() {
    let mut other = config();
    other.network.input[1] += 4;
    let mut network = Network::new(&other.network, 3).unwrap();
    let mut optimizer = Sgd::new(&other.training);
    for device in [None, cuda()] {
        if let Some(device) = device {
            network.move_to(&device).unwrap();
        }
        let loader = loader(None);
        let inferred = network.infer_on(&loader, 1, &mut |_, _, _| Ok(()));
        let trained = network.train_on(&loader, 0, 1, &mut optimizer, 0.1, &mut |_| ());
        for result in [inferred, trained] {
            assert!(matches!(result, Err(NetError::Images { .. })), "{result:?}");
        }
    }
}
