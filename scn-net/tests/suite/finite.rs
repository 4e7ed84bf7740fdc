//! Pixels and activations that are not finite cause errors that name the image.

use std::sync::Arc;

use scn_data::{ImageSet, Loader, Normalization};
use scn_net::{
    Device, NetError, Network, RunFolder, Shape, Tensor, TrainError, evaluate,
    evaluate_average_mirrored,
};

use crate::edited::{Edited, kept};
use crate::small;

const IMAGES: usize = 70;

const SHAPE: Shape = Shape {
    channels: 1,
    images: IMAGES,
    height: 8,
    width: 8,
};

/// Returns a batch with this pixel in the last row of an image.
fn images(image: usize, pixel: f32) -> Tensor {
    let mut pixels: Vec<f32> = (0..IMAGES * 64).map(|k| (k % 23) as f32 / 23.0).collect();
    pixels[image * 64 + 58] = pixel;
    Tensor::from_images(&pixels, SHAPE).unwrap()
}

/// Returns the errors of all methods that pass a batch through a network.
fn errors(network: &mut Network, images: &Tensor) -> [Option<NetError>; 4] {
    let labels: Vec<u16> = (0..IMAGES as u16).map(|image| image % 10).collect();
    [
        network.infer(images.clone()).err(),
        network.codes(images.clone(), 0).err(),
        network.loss_and_gradients(images.clone(), &labels).err(),
        network.estimate_moments([images.clone()]).err(),
    ]
}

#[test]
fn pixels_that_are_not_finite_are_refused_by_image() {
    let mut network = Network::new(&small::config().network, 0).unwrap();
    for error in errors(&mut network, &images(66, 0.5)) {
        assert!(error.is_none(), "{error:?}");
    }
    for (pixel, says) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ] {
        for error in errors(&mut network, &images(66, pixel)) {
            let error = error.unwrap();
            assert_eq!((error.image(), error.is_non_finite()), (Some(66), true));
            let expected = format!("image 66: expected finite pixels, found {says} at [0, 7, 2]");
            assert_eq!(error.to_string(), expected);
        }
    }
}

/// A layer cannot encode a finite pixel whose square exceeds f32.
#[test]
fn activations_that_overflow_are_refused_by_image_and_layer() {
    let mut network = Network::new(&small::config().network, 0).unwrap();
    for error in [
        network.infer(images(68, f32::MAX)).unwrap_err(),
        network.codes(images(68, f32::MAX), 0).unwrap_err(),
    ] {
        assert!(matches!(error, NetError::Overflow { .. }));
        assert_eq!(
            error.to_string(),
            "image 68: the signals of layer0 are not finite, or too large for f32"
        );
    }
    // In training, the variance of the batch is infinite. Dividing by it would make all images
    // zero.
    let [_, _, gradients, moments] = errors(&mut network, &images(68, f32::MAX));
    for error in [gradients, moments] {
        assert_eq!(
            error.unwrap().to_string(),
            "the moments of norm0 are not finite, or too large for f32"
        );
    }
}

/// The error has the index of the image in the set, not in its batch. All images but one are black,
/// and the normalisation makes its pixel as large as f32 allows.
#[test]
fn evaluation_names_the_image_of_the_set() {
    let network = Network::new(&small::config().network, 0).unwrap();
    let mut pixels = vec![0; 48 * 64];
    pixels[29 * 64 + 5] = 1;
    let digits = small::digits();
    let test = ImageSet::new(
        pixels,
        [1, 8, 8],
        vec![0; 48],
        digits.test.class_names(),
        16,
    )
    .unwrap();
    let normalization = Normalization::from_parts([1, 8, 8], vec![0.0; 64], f32::MAX).unwrap();
    let loader = Loader::in_order(Arc::new(test), Arc::new(normalization), 20).unwrap();
    let device = Device::cpu(Some(2)).unwrap();
    for error in [
        evaluate(&network, &loader, &device).unwrap_err(),
        evaluate_average_mirrored(&network, &loader, &device).unwrap_err(),
        network
            .infer_on(&loader, 3, &mut |_, _, _| Ok(()))
            .unwrap_err(),
    ] {
        assert_eq!(error.image(), Some(29), "{error}");
    }
}

/// A run whose activations overflow has diverged. It ends with an error and keeps its checkpoint.
#[test]
fn a_run_with_activations_that_overflow_has_diverged() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    let mut file = Edited::read(&kept());
    // The scales of this batch normalisation are so large that no code is finite.
    file.values("norm1.scale").fill(f32::MAX);
    std::fs::write(run.checkpoint(), file.bytes()).unwrap();
    let before = std::fs::read(run.checkpoint()).unwrap();
    let config = scn_net::Checkpoint::load(&run.checkpoint()).unwrap().config;
    let error = small::resume(&config, folder.path()).unwrap_err();
    assert!(
        matches!(
            error,
            TrainError::NonFinite {
                epoch: 2,
                step: 2,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("the signals of layer1"),
        "{error}"
    );
    assert_eq!(std::fs::read(run.checkpoint()).unwrap(), before);
}
