//! Dictionaries learned for a network on a GPU.

use std::ops::ControlFlow;

use scn_net::{DictionaryInit, Network};

use super::{batch, config, cuda};

/// The dictionaries are bit-identical to those learned for a network on the CPU, and the device
/// uses them.
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
    // The atoms are so similar that codes at the tolerance differ between devices, so compare on
    // one device.
    here.move_to(&device).unwrap();
    let [expected, found] = [&here, &there].map(|network| network.infer(images.clone()).unwrap());
    assert_eq!(found.0, expected.0);
}
