//! Custom layers between the layers of a network.

use approx::assert_abs_diff_eq;
use scn_net::{
    Layer, LayerError, Model, ModelFileError, ModelInput, NetError, Network, Recompute, Sgd, Shape,
    Tensor,
};

use crate::gradient::{check_gradients, images, network_to_check, small_images};
use crate::rms_norm::RmsNorm;
use crate::small;

/// Returns the small network with the 8 channels of the second layer's input normalised at every
/// position.
pub(crate) fn with_rms_norm() -> Network {
    let mut network = Network::new(&small::config().network, 0).unwrap();
    let layer = Box::new(RmsNorm::new(8, 1e-3));
    network.insert_after("norm1", "rms", layer).unwrap();
    network
}

fn batch() -> (Tensor, Vec<u16>) {
    let shape = Shape {
        channels: 1,
        images: 9,
        height: 8,
        width: 8,
    };
    (images(shape), (0..9).collect())
}

/// r of (3, 4) with ε = 0 is 1 / sqrt(12.5).
#[test]
fn the_layer_is_its_formula() {
    let shape = Shape {
        channels: 2,
        images: 1,
        height: 1,
        width: 1,
    };
    let map = Tensor::new(shape, vec![3.0, 4.0]).unwrap();
    let output = RmsNorm::new(2, 0.0).forward(&map).unwrap();
    for (found, expected) in output.data().iter().zip([0.6_f64, 0.8]) {
        let expected = expected * 2.0_f64.sqrt();
        // There are a square root, a division and two products in f32.
        let bound = 4.0 * f64::from(f32::EPSILON);
        assert_abs_diff_eq!(f64::from(*found), expected, epsilon = bound * expected);
    }
}

/// Gradients are correct for the parameters of the layer, and through it for those before it.
#[test]
fn gradients_are_those_of_differences() {
    let mut network = network_to_check(|_| ());
    // The input of the third layer has 7 channels.
    let layer = Box::new(RmsNorm::new(7, 1e-2));
    network.insert_after("norm2", "rms", layer).unwrap();
    let names = check_gradients(&mut network, &small_images());
    assert!(names.contains(&"rms.gain".to_string()), "{names:?}");
}

/// Recomputed activations are bit-identical, with a custom layer among the layers.
#[test]
fn recomputed_codes_change_nothing() {
    let (images, labels) = batch();
    let [kept, again] = [Recompute::Nothing, Recompute::Codes].map(|recompute| {
        let mut network = with_rms_norm();
        network.set_recompute(recompute);
        let report = network.loss_and_gradients(images.clone(), &labels).unwrap();
        let params = network.params().unwrap();
        let numbers: Vec<_> = params.map(|(name, param)| (name, param.clone())).collect();
        (report, numbers)
    });
    assert_eq!(kept, again);
}

#[test]
fn the_optimiser_moves_its_parameters_and_the_network_is_refreshed() {
    let (images, labels) = batch();
    let mut network = with_rms_norm();
    let count = network.parameter_count();
    let plain = Network::new(&small::config().network, 0).unwrap();
    assert_eq!(count, plain.parameter_count() + 8);
    let mut sgd = Sgd::new(&small::config().training);
    let before = network.infer(images.clone()).unwrap().0;
    network.loss_and_gradients(images.clone(), &labels).unwrap();
    let gain = network.param("rms.gain").unwrap().unwrap().clone();
    sgd.step(&mut network, 0.1).unwrap();
    let moved = network.param("rms.gain").unwrap().unwrap();
    let decay = small::config().training.weight_decay as f32;
    for ((moved, start), gradient) in moved.value.iter().zip(&gain.value).zip(&gain.grad) {
        assert_eq!(*moved, start - 0.1 * (decay * start + gradient));
    }
    assert_ne!(network.infer(images).unwrap().0, before);
}

/// A layer that announces one shape and returns another.
#[derive(Debug)]
struct Liar;

impl Layer for Liar {
    fn output_shape(&self, input: Shape) -> Result<Shape, LayerError> {
        Ok(input)
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor, LayerError> {
        let shape = input.shape();
        Ok(Tensor::zeros(Shape {
            images: shape.images + 1,
            ..shape
        }))
    }

    fn backward(
        &mut self,
        _input: &Tensor,
        _output: &Tensor,
        gradient: Tensor,
    ) -> Result<Tensor, LayerError> {
        Ok(gradient)
    }
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    let mut network = with_rms_norm();
    let (images, labels) = batch();
    let logits = network.infer(images.clone()).unwrap().0;
    let mut insert = |after: &str, name: &str, channels: usize| {
        let layer = Box::new(RmsNorm::new(channels, 1e-3));
        network.insert_after(after, name, layer).unwrap_err()
    };
    let refused = insert("layer9", "more", 8);
    assert!(matches!(refused, NetError::NoSuchStep { name } if name == "layer9"));
    for name in ["", "a.b", "rms", "norm0"] {
        let refused = insert("layer0", name, 8);
        assert!(matches!(refused, NetError::StepName { .. }), "{refused}");
    }
    let refused = insert("layer0", "more", 5);
    assert!(matches!(&refused, NetError::Layer { layer, source }
        if layer == "more" && source.to_string() == "expected 5 channels, found 8"));
    assert_eq!(network.infer(images.clone()).unwrap().0, logits);

    network
        .insert_after("pooling", "liar", Box::new(Liar))
        .unwrap();
    for refused in [
        network.infer(images.clone()).unwrap_err(),
        network.loss_and_gradients(images, &labels).unwrap_err(),
    ] {
        let message = refused.to_string();
        assert!(
            message.starts_with("liar should return an output of"),
            "{message}"
        );
    }
}

#[test]
fn a_model_file_cannot_describe_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let model = Model::new(with_rms_norm(), ModelInput::new(small::config().dataset));
    let refused = model.save(&path).unwrap_err();
    assert!(matches!(&refused, ModelFileError::CustomLayer { layer, .. } if layer == "rms"));
    assert!(!path.exists());
}
