//! Dictionaries learned for a network that computes on a graphics processor.

use std::ops::ControlFlow;

use scn_net::{DictionaryInit, Network};

use super::{batch, config, cuda, distance};

/// They are those that are learned for a network here, bit for bit, and the device computes with
/// them.
#[test]
fn learned_dictionaries_come_to_the_device() {
    let Some(device) = cuda() else { return };
    let mut config = config();
    config.network.dictionary = DictionaryInit::Learned;
    let (images, _) = batch(&config, 40);
    let mut here = Network::new(&config.network, 3).unwrap();
    let mut there = Network::new(&config.network, 3).unwrap();
    there.move_to(&device).unwrap();
    for network in [&mut here, &mut there] {
        let learned =
            network.learn_dictionaries([images.clone()], 3, &mut |_| ControlFlow::Continue(()));
        assert_eq!(learned.unwrap().len(), 2);
    }
    for ((name, found), (_, expected)) in there.params().unwrap().zip(here.params().unwrap()) {
        assert_eq!(found.value, expected.value, "{name}");
    }
    let [expected, found] = [&here, &there].map(|network| network.infer(images.clone()).unwrap());
    assert!(distance(found.0.data(), expected.0.data()) < 1e-2);
}
