//! Custom layers, which GPUs do not execute.

use scn_net::{NetError, Network, Shape, Tensor};

use super::{config, cuda};
use crate::custom::with_rms_norm;
use crate::rms_norm::RmsNorm;

/// The error names the layer, and the network stays on its device.
#[test]
fn custom_layers_stay_on_the_processor() {
    let Some(device) = cuda() else { return };
    let images = Tensor::zeros(Shape {
        channels: 1,
        images: 3,
        height: 8,
        width: 8,
    });
    let mut network = with_rms_norm();
    let expected = network.infer(images.clone()).unwrap().0;
    let refused = network.move_to(&device).unwrap_err();
    assert!(matches!(&refused, NetError::CpuOnly { what } if what.ends_with("layer rms")));
    assert_eq!(network.infer(images.clone()).unwrap().0, expected);

    let mut network = Network::new(&config().network, 0).unwrap();
    network.move_to(&device).unwrap();
    let expected = network.infer(images.clone()).unwrap().0;
    let layer = Box::new(RmsNorm::new(8, 1e-3));
    let refused = network.insert_after("norm1", "rms", layer).unwrap_err();
    assert!(matches!(refused, NetError::CpuOnly { .. }), "{refused}");
    assert_eq!(network.infer(images).unwrap().0, expected);
}
