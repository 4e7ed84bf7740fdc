//! Dictionaries learned for a network that computes on a graphics processor.

use std::ops::ControlFlow;

use scn_net::{DictionaryInit, Network};

use super::{batch, config, cuda};

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
    // They are so alike that codes at the tolerance differ from device to device; on one device they do not.
    here.move_to(&device).unwrap();
    let [expected, found] = [&here, &there].map(|network| network.infer(images.clone()).unwrap());
    assert_eq!(found.0, expected.0);
}
