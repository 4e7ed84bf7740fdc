//! Inference with mirror images, and with a scaled λ1.

use std::sync::Arc;

use approx::{abs_diff_eq, assert_abs_diff_eq};
use scn_data::{Batch, ImageSet, Loader, Normalization};
use scn_net::{
    Device, Evaluation, Model, ModelInput, NetError, Network, RunConfig, Shape, Tensor, evaluate,
    evaluate_average_mirrored,
};

use crate::small;

/// Returns the logits (classes × images) of a batch whose rows of pixels are reversed, and the
/// fraction of active code entries.
pub(crate) fn of_mirrored(network: &Network, batch: &Batch) -> (Tensor, Vec<f64>) {
    let [images, channels, height, width] = batch.shape;
    let mut pixels = Vec::with_capacity(batch.pixels.len());
    for row in 0..images * channels * height {
        for x in (0..width).rev() {
            pixels.push(batch.pixels[row * width + x]);
        }
    }
    let shape = Shape {
        channels,
        images,
        height,
        width,
    };
    let tensor = Tensor::from_images(&pixels, shape).unwrap();
    let (logits, activity) = network.infer(tensor).unwrap();
    (logits, activity.iter().map(|layer| layer.active).collect())
}

/// Returns the evaluation by its definition, with images mirrored in the test.
pub(crate) fn averaged_by_hand(network: &Network, loader: &Loader) -> Evaluation {
    let classes = network.config().classes;
    let mut confusion = vec![vec![0; classes]; classes];
    let (mut loss, mut wrong, mut images) = (0.0, 0, 0);
    let mut active = vec![0.0; network.config().layers.len()];
    let mut residual = vec![0.0_f64; active.len()];
    for batch in loader.epoch(0, 0) {
        let (plain, activity) = network.infer(Tensor::from_batch(&batch).unwrap()).unwrap();
        let (mirrored, shares) = of_mirrored(network, &batch);
        for (layer, (done, share)) in activity.iter().zip(shares).enumerate() {
            active[layer] += batch.labels.len() as f64 * (done.active + share) / 2.0;
            residual[layer] = residual[layer].max(done.residual);
        }
        for (image, &label) in batch.labels.iter().enumerate() {
            let both = plain.column(image).zip(mirrored.column(image));
            let mean: Vec<f64> = both
                .map(|(a, b)| (f64::from(a) + f64::from(b)) / 2.0)
                .collect();
            let label = usize::from(label);
            // The first class wins ties.
            let class = (0..classes)
                .rev()
                .max_by(|&a, &b| mean[a].total_cmp(&mean[b]))
                .unwrap();
            confusion[label][class] += 1;
            wrong += usize::from(class != label);
            loss += mean.iter().map(|z| z.exp()).sum::<f64>().ln() - mean[label];
            images += 1;
        }
    }
    let count = images as f64;
    let mut evaluation = Evaluation::default();
    evaluation.images = images;
    evaluation.loss = loss / count;
    evaluation.error = wrong as f64 / count;
    evaluation.confusion = confusion;
    evaluation.active = active.iter().map(|sum| sum / count).collect();
    evaluation.residual = residual;
    evaluation
}

/// Compares evaluations, except for times and residuals. Means of logits are rounded to f32: for
/// logits below 8 as here, the error is at most 2^-24 of them, which changes the loss by at most
/// twice that.
pub(crate) fn compare(found: &Evaluation, expected: &Evaluation) {
    assert_eq!(found.images, expected.images);
    assert_eq!(found.error, expected.error);
    assert_eq!(found.confusion, expected.confusion);
    assert!(
        abs_diff_eq!(
            found.loss,
            expected.loss,
            epsilon = 16.0 / f64::from(1 << 24)
        ),
        "{found:?} {expected:?}"
    );
    for (found, expected) in found.active.iter().zip(&expected.active) {
        assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
    }
}

/// Returns the small network with a nonzero λ1 in both layers and the moments of these images, so
/// that its outputs differ between images without training.
pub(crate) fn network(config: &RunConfig, loader: &Loader) -> Network {
    let mut network = Network::new(&config.network, 0).unwrap();
    network
        .visit_params_mut(&mut |name, param| match name {
            "layer0.lambda1" => param.value.fill(0.125),
            "layer1.lambda1" => param.value.fill(0.0625),
            _ => (),
        })
        .unwrap();
    network.refresh().unwrap();
    let batches = loader.epoch(0, 0);
    network
        .estimate_moments(batches.map(|batch| Tensor::from_batch(&batch).unwrap()))
        .unwrap();
    network
}

/// Returns a loader with batches of 20, 20 and 8 digits, contrast-normalised if `contrast` is set.
pub(crate) fn loader(contrast: Option<f64>) -> Loader {
    in_order(small::digits().test.first(48), contrast)
}

fn in_order(images: ImageSet, contrast: Option<f64>) -> Loader {
    let mut config = small::config().input.normalization();
    config.contrast = contrast;
    let normalization = Normalization::fit(&images, config).unwrap();
    Loader::in_order(Arc::new(images), Arc::new(normalization), 20).unwrap()
}

#[test]
fn mirror_images_are_averaged_as_by_hand() {
    let loader = loader(None);
    let network = network(&small::config(), &loader);
    let device = Device::cpu(Some(2)).unwrap();
    let found = evaluate_average_mirrored(&network, &loader, &device).unwrap();
    compare(&found, &averaged_by_hand(&network, &loader));
    let plain = evaluate(&network, &loader, &device).unwrap();
    assert_ne!(found.loss, plain.loss);
    assert_ne!(found.confusion, plain.confusion);
    assert!(
        found
            .residual
            .iter()
            .all(|&residual| residual > 0.0 && residual <= 1e-4)
    );
    assert!(found.seconds > 0.0 && found.images_per_second > 0.0);
}

/// The right half of each digit is its left half mirrored, and so is that of the mean image.
#[test]
fn images_that_are_their_mirror_images_are_evaluated_as_without() {
    let digits = small::digits().test.first(48);
    let mut pixels = digits.pixels().bytes().unwrap().to_vec();
    for row in pixels.chunks_exact_mut(8) {
        let (left, right) = row.split_at_mut(4);
        right.copy_from_slice(left);
        right.reverse();
    }
    let labels = digits.labels().to_vec();
    let symmetric = ImageSet::new(pixels, [1, 8, 8], labels, digits.class_names(), 16).unwrap();
    let loader = in_order(symmetric, None);
    let network = network(&small::config(), &loader);
    let device = Device::cpu(Some(1)).unwrap();
    let plain = evaluate(&network, &loader, &device).unwrap();
    let averaged = evaluate_average_mirrored(&network, &loader, &device).unwrap();
    assert_eq!(
        (averaged.images, averaged.loss, averaged.error),
        (plain.images, plain.loss, plain.error)
    );
    assert_eq!(averaged.confusion, plain.confusion);
    assert_eq!(averaged.residual, plain.residual);
    compare(&averaged, &plain);
}

/// Labels that do not fit are also detected with mirror images.
#[test]
fn a_network_with_fewer_classes_is_an_error_with_mirror_images_too() {
    let mut config = small::config();
    config.network.classes = 5;
    let loader = loader(None);
    let network = network(&config, &loader);
    let device = Device::cpu(Some(1)).unwrap();
    let error = evaluate_average_mirrored(&network, &loader, &device).unwrap_err();
    assert!(matches!(error, NetError::LabelRange { .. }), "{error}");
}

fn values(network: &Network) -> Vec<(String, Vec<f32>)> {
    let params = network.params().unwrap();
    params
        .map(|(name, param)| (name, param.value.clone()))
        .collect()
}

fn logits(network: &Network, loader: &Loader) -> (Vec<f32>, Vec<f64>) {
    let batch = loader.epoch(0, 0).next().unwrap();
    let (logits, activity) = network.infer(Tensor::from_batch(&batch).unwrap()).unwrap();
    let active = activity.iter().map(|layer| layer.active);
    (logits.data().to_vec(), active.collect())
}

/// λ1 is one value per layer, or one per atom.
#[test]
fn a_scaled_lambda1_is_that_of_a_model_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let loader = loader(None);
    for per_atom in [false, true] {
        let mut config = small::config();
        config.network.lambda1.per_atom = per_atom;
        let mut scaled = network(&config, &loader);
        let plain = logits(&scaled, &loader);
        scaled.scale_lambda1(2.5).unwrap();

        let mut network = network(&config, &loader);
        network
            .visit_params_mut(&mut |name, param| match name {
                "layer0.lambda1" => param.value.fill(0.3125),
                "layer1.lambda1" => param.value.fill(0.15625),
                _ => (),
            })
            .unwrap();
        let mut input = ModelInput::new(config.dataset);
        input.normalization = Some((**loader.normalization()).clone());
        input.class_names = loader.image_set().class_names().to_vec();
        Model::new(network, input).save(&path).unwrap();
        let saved = Model::load(&path).unwrap().network;
        assert_eq!(values(&scaled), values(&saved));
        assert_eq!(logits(&scaled, &loader), logits(&saved, &loader));
        assert_ne!(logits(&scaled, &loader).0, plain.0);
        assert!(logits(&scaled, &loader).1[0] < plain.1[0]);
    }
}

#[test]
fn a_factor_of_one_changes_no_bit_and_a_large_one_leaves_no_code() {
    let loader = loader(None);
    let mut network = network(&small::config(), &loader);
    let (before, plain) = (values(&network), logits(&network, &loader));
    network.scale_lambda1(1.0).unwrap();
    assert_eq!(values(&network), before);
    assert_eq!(logits(&network, &loader), plain);
    // The correlations D'x are far below λ1: atoms and windows of nine normalised pixels have norms
    // of the order of one.
    network.scale_lambda1(1e6).unwrap();
    assert_eq!(logits(&network, &loader).1[0], 0.0);
    network.scale_lambda1(0.0).unwrap();
    let lambda1 = network.param("layer1.lambda1").unwrap().unwrap();
    assert!(lambda1.value.iter().all(|&value| value == 0.0));
    assert!(logits(&network, &loader).1[0] > plain.1[0]);
}

#[test]
fn a_factor_out_of_range_changes_nothing() {
    let loader = loader(None);
    let mut network = network(&small::config(), &loader);
    let (before, plain) = (values(&network), logits(&network, &loader));
    for factor in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = network.scale_lambda1(factor).unwrap_err();
        assert!(matches!(error, NetError::Lambda1Scale { .. }), "{error}");
    }
    // 0.125 times this factor exceeds f32, 0.0625 times it does not.
    let error = network.scale_lambda1(4e39).unwrap_err();
    assert!(
        matches!(&error, NetError::Lambda1Overflow { layer, lambda1, .. } if layer == "layer0" && *lambda1 == 0.125),
        "{error}"
    );
    assert_eq!(values(&network), before);
    assert_eq!(logits(&network, &loader), plain);
}
